"""The closed word lists that the rules read: reporting words, roles, titles, function words.

Nothing comes in; regular expressions and sets go out. English only. The verbs are those that introduce speech,
belief or writing in news text; `object` verbs report without a clause ("called for a truce").
"""

from functools import cache, lru_cache

import regex

# Verbs whose content may follow without "that", or stand before them: "X said it was over", "It is over, X said."
_CLAUSE_VERBS = """
say says said saying|tell tells told telling|add adds added adding|note notes noted noting|claim claims claimed claiming
believe believes believed believing|think thinks thought|argue argues argued arguing|insist insists insisted insisting
explain explains explained explaining|state states stated stating|declare declares declared declaring
announce announces announced announcing|reply replies replied replying|respond responds responded responding
write writes wrote writing|warn warns warned warning|stress stresses stressed stressing
emphasize emphasizes emphasized emphasizing|emphasise emphasises emphasised emphasising
acknowledge acknowledges acknowledged acknowledging|admit admits admitted admitting|concede concedes conceded conceding
suggest suggests suggested suggesting|recall recalls recalled recalling|conclude concludes concluded concluding
remark remarks remarked remarking|observe observes observed observing|comment comments commented commenting
continue continues continued|report reports reported reporting|reveal reveals revealed revealing
confirm confirms confirmed confirming|reiterate reiterates reiterated reiterating|maintain maintains maintained maintaining
contend contends contended contending|assert asserts asserted asserting|allege alleges alleged alleging
complain complains complained complaining|joke jokes joked joking|quip quips quipped|tweet tweets tweeted tweeting
post posted posting|predict predicts predicted predicting|estimate estimates estimated estimating
hope hopes hoped hoping|fear fears feared fearing|feel feels felt|agree agrees agreed|deny denies denied denying
promise promises promised promising|vow vows vowed vowing|pledge pledges pledged pledging|swear swears swore
shout shouts shouted shouting|ask asks asked asking|wonder wonders wondered wondering|opine opines opined
underline underlines underlined underlining|underscore underscores underscored underscoring
specify specifies specified specifying|clarify clarifies clarified clarifying|counter counters countered countering
recount recounts recounted recounting|testify testifies testified testifying|lament laments lamented lamenting
caution cautions cautioned cautioning|assure assures assured assuring|inform informs informed informing
remind reminds reminded reminding|propose proposes proposed proposing|recommend recommends recommended recommending
mention mentions mentioned mentioning|repeat repeats repeated repeating|protest protests protested|fume fumes fumed
|read reads reading|chant chants chanted|sing sings sang singing|cry cried|yell yelled
retort retorts retorted|answer answers answered answering|reckon reckons reckoned|summarize summarizes summarized
echo echoes echoed|interject interjected|exclaim exclaims exclaimed|murmur murmured|whisper whispered|affirm affirms affirmed
boast boasts boasted boasting|expect expects expected|find finds found|learn learns learned|understand understands
"point out" "points out" "pointed out" "pointing out"|"find out" "finds out" "found out"
"make clear" "makes clear" "made clear" "making clear"|"make it clear" "makes it clear" "made it clear"
"go on" "goes on" "went on"
"was quoted as saying" "were quoted as saying" "is quoted as saying" "been quoted as saying" "was cited as saying" "were cited as saying"
"""
# Verbs that take their content as an object or infinitive: "X called for a truce", "X urged the sides to meet".
_OBJECT_VERBS = """
"call for" "calls for" "called for" "calling for"|"call on" "calls on" "called on" "calling on"
urge urges urged urging|demand demands demanded demanding|propose proposes proposed proposing|reject rejects rejected rejecting
welcome welcomes welcomed welcoming|praise praises praised praising|criticize criticizes criticized criticizing
criticise criticises criticised criticising|condemn condemns condemned condemning|denounce denounces denounced denouncing
blame blames blamed blaming|accuse accuses accused accusing|"rule out" "rules out" "ruled out" "ruling out"
deny denies denied denying|describe describes described describing|call calls called calling|label labels labeled labelled
dub dubs dubbed|slam slams slammed slamming|blast blasts blasted|dismiss dismisses dismissed dismissing
threaten threatens threatened threatening|promise promises promised promising|vow vows vowed vowing
pledge pledges pledged pledging|offer offers offered offering|warn warns warned warning
express expresses expressed expressing|reiterate reiterates reiterated reiterating|defend defends defended defending
hail hails hailed hailing|advocate advocates advocated|liken likens likened
question questions questioned questioning|insist insists insisted|ask asks asked asking
recommend recommends recommended|suggest suggests suggested|acknowledge acknowledges acknowledged
highlight highlights highlighted|"speak of" "spoke of"|"speak about" "spoke about"|characterize characterizes characterized
admit admits admitted
"""
# Of the above, those that also open a content without "that": "X said it was over".
_BARE_VERBS = """say says said saying tell tells told add adds added adding believe believes believed think thinks thought
insist insists insisted claim claims claimed claiming argue argues argued note notes noted noting hope hopes hoped hoping
announce announced announces warn warns warned warning explain explained stress stressed admit admitted concede conceded
acknowledge acknowledged maintain maintained promise promised suggest suggests suggested predict predicts predicted
estimate estimates estimated allege alleges alleged alleging contend contends contended assert asserted complain
complained joke joked fear fears feared feel feels felt wish wishes confirm confirmed swear swore state stated
stating reply replied assure assured remind reminded""".split()


@cache
def pattern(source: str) -> "regex.Pattern[str]":
    """Compile one of our regular expressions, once and for good; `regex` itself looks up every inline one anew, slowly."""
    return regex.compile(source)


def _forms(block: str) -> list[str]:
    words = regex.findall(r'"[^"]+"|[^\s|]+', block)
    return sorted({word.strip('"') for word in words}, key=lambda word: (-len(word), word))


def _alternatives(words: list[str]) -> str:
    return "(?:" + "|".join(regex.escape(word).replace(r"\ ", r"\s+") for word in words) + ")"


CLAUSE_FORMS = _forms(_CLAUSE_VERBS)
OBJECT_FORMS = _forms(_OBJECT_VERBS)
# Any word by which a cue tells that somebody spoke or wrote, nouns included ("his claim", "according to").
REPORTING_WORDS = frozenset(form for form in (*CLAUSE_FORMS, *OBJECT_FORMS) if " " not in form) | frozenset(
    """disclose discloses disclosed disclosing retweet retweets retweeted retweeting bemoan bemoans bemoaned bemoaning implore implores implored
    imploring exhort exhorts exhorted exhorting beg begs begged begging plead pleads pleaded pleading instruct instructs instructed instructing imply
    implies implied implying hint hints hinted hinting signal signals signaled signalled signaling indicate indicates indicated indicating proclaim
    proclaims proclaimed proclaiming profess professes professed professing rebut rebuts rebutted apologize apologizes apologized apologise apologised
    confess confesses confessed confessing attest attests attested divulge divulges divulged relay relays relayed muse muses mused musing brag brags
    bragged bragging demand demands counsel counsels counseled counselled message emailed texted blogged admission disclosure
    call calls called calling point points pointed pointing spoke quoted cited
    according per statement statements claim claims comment comments remark remarks argument arguments warning warnings promise pledge
    suggestion accusation accusations allegation allegations announcement assertion citing quoted words""".split()
)
CLAUSE_VERB = _alternatives(CLAUSE_FORMS)
CLAUSE_WORDS = frozenset(CLAUSE_FORMS)
OBJECT_VERB = _alternatives(OBJECT_FORMS)
BARE_VERBS = frozenset(_BARE_VERBS)

PRONOUNS = frozenset("he she they it i we who him her them one".split())
RELATIVES = frozenset("who whose whom which that".split())
POSSESSIVES = frozenset("his her their its my our".split())
MASCULINE = frozenset(
    "he him his himself mr mr. sir lord king prince father son brother husband man spokesman chairman businessman "
    "congressman salesman gentleman boy uncle duke".split()
)
FEMININE = frozenset(
    "she her hers herself ms ms. mrs mrs. miss madam lady queen princess mother daughter sister wife woman "
    "spokeswoman chairwoman businesswoman congresswoman actress girl aunt duchess".split()
)

# Words that end a speaker's noun phrase when it is read from left to right.
STOPS = frozenset(
    """who whom whose which that when while as after before during in on at to with by from about over amid
adding referring speaking citing noting because if since until though although via earlier later yesterday today tonight
through without following upon monday tuesday wednesday thursday friday saturday sunday last this
and but or is was are were has had have""".split()
)
WEEKDAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())
DAYS_AND_MONTHS = WEEKDAYS | frozenset("january february march april may june july august september october november december".split())
DETERMINERS = frozenset(
    """the a an his her its their our my one two three some several many most other another both all
these those no few each every any""".split()
)
ALSO_NAMES = frozenset(("May", "Will"))  # months and verbs that are surnames too
LINKS = frozenset("of de del della di da der den van von bin ibn al el la le du dos y".split())
FINITE = frozenset(
    """is was are were be been has had have will would can could may might shall should must does did do
isn't wasn't aren't weren't hasn't hadn't won't wouldn't can't couldn't didn't doesn't don't came went made took became
called asked held began met agreed""".split()
)
OPENERS = frozenset(
    """but and however meanwhile so yet still also then later earlier nevertheless moreover instead
therefore thus unlike despite though although while as when because since if that where after before until separately additionally furthermore
secondly firstly thirdly finally overall besides nonetheless what why how or whether which""".split()
)

# Heads of noun phrases that name a person by role, and what else the same person may be described as.
ROLES: dict[str, tuple[str, ...]] = {
    "diplomat": ("ambassador", "envoy", "consul", "diplomat", "foreign minister", "secretary of state", "attaché", "chargé", "foreign ministry"),
    "envoy": ("envoy", "ambassador", "representative"),
    "ambassador": ("ambassador",),
    "political scientist": ("professor", "political scientist", "politologist", "political theory", "political science", "analyst", "lecturer"),
    "scientist": ("professor", "scientist", "researcher", "lecturer"),
    "expert": ("expert", "professor", "analyst", "researcher", "fellow", "director", "scientist", "specialist", "lecturer"),
    "analyst": ("analyst", "expert", "professor", "fellow", "researcher", "strategist"),
    "academic": ("professor", "lecturer", "researcher", "fellow"),
    "professor": ("professor",),
    "scholar": ("professor", "fellow", "scholar", "researcher"),
    "researcher": ("researcher", "professor", "fellow", "scientist"),
    "minister": ("minister", "secretary"),
    "premier": ("prime minister", "premier"),
    "politician": ("mp", "deputy", "senator", "minister", "president", "lawmaker", "leader", "candidate", "governor", "politician", "congressman"),
    "lawmaker": ("mp", "deputy", "senator", "representative", "congressman", "congresswoman", "lawmaker", "member", "sen.", "rep."),
    "senator": ("senator", "sen."),
    "congressman": ("rep.", "congressman", "representative"),
    "congresswoman": ("rep.", "congresswoman", "representative"),
    "governor": ("governor", "gov."),
    "general": ("general", "gen."),
    "commander": ("commander", "general", "colonel", "admiral"),
    "head of state": ("president", "king", "head of state"),
    "leader": ("president", "leader", "prime minister", "chairman", "chief", "head"),
    "official": ("official", "secretary", "minister", "spokesman", "spokeswoman", "deputy", "commissioner"),
    "spokesman": ("spokesman", "spokesperson"),
    "spokeswoman": ("spokeswoman", "spokesperson"),
    "spokesperson": ("spokesman", "spokeswoman", "spokesperson", "press secretary"),
    "chief": ("chief", "head", "director", "secretary general"),
    "lawyer": ("lawyer", "attorney", "counsel", "solicitor"),
    "attorney": ("lawyer", "attorney", "counsel"),
    "nominee": ("nominee", "candidate"),
    "candidate": ("candidate", "nominee"),
    "negotiator": ("negotiator", "envoy", "delegation"),
    "mediator": ("mediator", "envoy"),
    "activist": ("activist", "founder", "campaigner"),
    "author": ("author", "writer"),
    "activists": (),
}
ORGANISATION = regex.compile(
    r"(?i)\b(?:embassy|ministry|office|department|agency|commission|council|party|union|government|army|police|court|"
    r"committee|parliament|association|federation|group|company|bank|university|institute|organi[sz]ation|campaign|"
    r"administration|kremlin|house|times|post|news|reuters|pentagon|coalition|alliance|front|movement|ministry|"
    r"corporation|caucus|society|league|club|show|initiative|partnership|inc|corp|ltd|foundation|center|centre|bureau|service|board|fund|network|journal|tribune)\b"
)
# Words of two-word names that are no people: places, peoples, papers, offices.
NO_PERSON = regex.compile(
    r"(?:^(?:New|North|South|East|West|Northern|Southern|Eastern|Western|Central|Middle|Saudi|United|Great|Los|San|Las|Fort|Port|Mount|Lake|Cape|Our|My|That|This|"
    r"These|What|Why|How|The|A|An|\p{Lu}\p{Ll}+ing)\s)|\b(?:County|City|State|States|Street|Avenue|Road|River|Sea|Ocean|Gulf|Islands?|Kingdom|Emirates|Republic|"
    r"Republicans?|Democrats?|Media|Energy|Schools?|College|Hospital|Airport|Church|Orthodox|Party|Senate|Congress|Act|Law|Treaty|Accord|Agreement|Amendment|Day|War|"
    r"Street|Square|Hall|Tower|Air|Force|Forces|Navy|Guard|Twitter|Facebook|Instagram|America|Americans?|Europe|European|Asia|Africa|China|Russia|Iran|"
    r"Israel|Ukraine|Carolina|Dakota|Virginia|Hampshire|Jersey|York|Mexico|Zealand|Korea|Sudan|Lanka|Rico|Angeles|Francisco|Vegas|Arabia)\b|"
    r"\s(?:and|or|With|For|Against|To|From|On|In|At|Is|Are|Has|Was)\s|^(?:\p{Lu}{2,}\s+){2,}\p{Lu}{2,}$|['’](?:s|re|ve|ll|t)\b"
)
# Titles that stand before a name and are no part of it.
TITLE_WORD = regex.compile(
    r"(?:Mr|Mrs|Ms|Miss|Dr|Prof|Sen|Rep|Gov|Gen|Lt|Col|Maj|Capt|Sgt|Adm|Rev|Hon|St|Sir|Lord|Lady|Dame|President|Prime|Minister|"
    r"Secretary|Senator|Representative|Congressman|Congresswoman|Governor|Ambassador|Envoy|General|Colonel|Major|"
    r"Captain|Admiral|CEO|CFO|Chancellor|Premier|King|Queen|Prince|Princess|Pope|Cardinal|Bishop|Archbishop|Chairman|Chairwoman|"
    r"Chair|Director|Commissioner|Judge|Justice|Mayor|Deputy|Vice|Foreign|Defense|Defence|Interior|Finance|State|Press|Chief|Del|Supt|Cmdr|"
    r"Spokesman|Spokeswoman|Spokesperson|Professor|Doctor|Speaker|Leader|Attorney|Vice-President|Co-Chair|Democratic|Republican|"
    r"Democrat|Former|Acting|Special|Assistant|Under|Sheriff|Officer|Detective|Lieutenant|Brigadier|Marshal|Father|Sister|Brother)"
    r"(?:[-—]\w+){0,2}\.?"
)


@lru_cache(maxsize=4096)
def is_title(word: str) -> bool:
    """Whether a word is a title that stands before a name."""
    return TITLE_WORD.fullmatch(word) is not None


ABBREVIATIONS = frozenset(
    """del supt cmdr messrs ret mr mrs ms dr prof sen rep gov gen lt col maj capt sgt adm rev hon st jr sr vs etc inc corp ltd co
no jan feb mar apr jun jul aug sept sep oct nov dec u.s u.k u.n e.g i.e a.m p.m d.c r d vol approx dept est fig
ala ariz ark calif colo conn del fla ga ill ind kan ky la md mass mich minn miss mo mont neb nev ore pa penn tenn tex vt va wash wis wyo""".split()
)
