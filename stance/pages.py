"""Reports -> self-contained HTML: an article as it was with its statements marked, or many articles as shares and a table.

Comes in: reports. Goes out: pages, and tables for notebooks. A page is one file that asks nothing of anywhere (its own security policy
forbids it); all text of the user's is escaped; stances differ by colour, line and sign (Okabe and Ito's palette, told apart by the
colour-blind); everything that a mouse shows the keyboard shows too. Without scripts the text, the marks and the tables are still there.
"""

import html
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from stance.labels import LABELS
from stance.records import Statement
from stance.shares import UNKNOWN, Shares, month_of, shares

DOUBTFUL = 0.6
"""Below this probability, of the label or of the speaker, a statement is marked as doubtful."""
SIGNS = {"support": "+", "oppose": "−", "neutral": "○", "abstained": "?"}


def is_doubtful(statement: Statement) -> bool:
    """Whether a reader should look twice: no label, an unsure one, or an unsure speaker."""
    speaker = statement.quote.speaker
    return statement.prediction.label is None or statement.prediction.confidence < DOUBTFUL or (speaker is not None and speaker.confidence < DOUBTFUL)


def article_page(report: Any) -> str:  # noqa: ANN401 - an ArticleReport, which is above this module
    """Return the page of one article.

    Args:
        report: An `ArticleReport`.

    Returns:
        HTML, whole.
    """
    title = report.source or "Article"
    known = " · ".join(part for part in (report.outlet, report.date, f"model {report.model}") if part)
    warnings = "".join(f'<p class="warn">{_escape(warning)}</p>' for warning in report.warnings)
    doubtful = sum(map(is_doubtful, report.statements))
    summary = f"{len(report.statements)} statements by {len(report.speakers)} speakers" + (f", {doubtful} doubtful" if doubtful else "")
    body = (
        f"<header><h1>{_escape(title)}</h1><p class=meta>{_escape(known)}</p><p>{summary}.</p>{warnings}</header>"
        f"{_filters(report)}{_bars(report)}<main><article lang=en>{_marked(report)}</article></main>"
        f"<section><h2>Statements</h2>{statement_table(report, links=True)}</section><div id=card role=status hidden></div>"
    )
    return _page(title, body, _ARTICLE_SCRIPT)


def statement_table(report: Any, *, links: bool = False) -> str:  # noqa: ANN401 - an ArticleReport
    """Return the statements of a report as an HTML table.

    Args:
        report: An `ArticleReport`.
        links: Whether the article stands in the same page: numbers lead to its marks, and long statements are cut.

    Returns:
        A `<table>`, with the report's warnings where there is no page around it.
    """
    width = 160 if len(report.statements) <= 1000 else 48  # the article stands above: a long one is not to stand there twice
    rows = []
    for number, statement in enumerate(report.statements, 1):
        quote, name = statement.quote, _name(statement)
        place = f'<a href="#s{number}">{number}</a>' if links else str(number)
        cells = (place, _escape(name), _badge(statement), quote.kind, _escape(cut(quote.text, width) if links else quote.text))
        rows.append(f"<tr{_data(number, statement) if links else ''}>{''.join(f'<td>{cell}' for cell in cells)}")
    head = "".join(f"<th scope=col>{name}</th>" for name in ("#", "speaker", "stance, probability", "kind", "statement"))
    table = f"<table class=list><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    if links:
        return table
    warnings = "".join(f"<p>Warning: {_escape(warning)}</p>" for warning in report.warnings)
    return f"<style>{_TABLE_STYLE}</style>{table}{warnings}<p>Model: {_escape(report.model)}</p>"


def corpus_page(reports: Sequence[Any], title: str = "Articles") -> str:
    """Return one page of many articles: shares by outlet, month and speaker, and all statements in a table that sorts and filters.

    Args:
        reports: `ArticleReport`s, of one model.
        title: Of the page.

    Returns:
        HTML, whole. Each count is a link to its statements.
    """
    statements = [(report, statement) for report in reports for statement in report.statements]
    parts = []
    for by, name, has_any in (
        ("all", "All statements", bool(statements)),
        ("month", "By month", any(report.date for report in reports)),
        ("outlet", "By outlet", any(report.outlet for report in reports)),
        ("speaker", "By speaker", bool(statements)),
    ):
        if has_any:
            parts.append(f"<section><h2>{name}</h2>{_share_table(shares(reports, by))}</section>")
    rows = []
    for report, statement in statements:
        cells = (report.outlet or "", report.date or "", _name(statement))
        keys = {"outlet": cells[0] or UNKNOWN, "month": month_of(report), "speaker": cells[2], "all": "all", "label": _top(statement)}
        data = "".join(f' data-{key}="{_escape(value)}"' for key, value in keys.items())
        shown = "".join(f"<td>{_escape(cell)}</td>" for cell in (report.source or "", *cells))
        rows.append(f"<tr{data}>{shown}<td>{_badge(statement)}</td><td>{statement.quote.kind}</td><td>{_escape(statement.quote.text)}</td></tr>")
    names = ("article", "outlet", "date", "speaker", "stance, probability", "kind", "statement")
    head = "".join(f"<th scope=col aria-sort=none><button type=button>{name}</button></th>" for name in names)
    body = (
        f"<header><h1>{_escape(title)}</h1><p class=meta>{len(reports)} articles, {len(statements)} statements"
        f"{f', model {_escape(reports[0].model)}' if reports else ''}.</p></header>{''.join(parts)}"
        f"<section id=statements><h2>Statements</h2><p><output id=shown>{len(rows)} shown</output> <button type=button id=every hidden>show all</button></p>"
        f"<table id=rows><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></section>"
    )
    return _page(title, body, _CORPUS_SCRIPT, wide=True)


def explanation_html(explanation: Any) -> str:  # noqa: ANN401 - an Explanation, which is above this module
    """Return the words of an explanation, coloured by what they say for the label, as an HTML fragment."""
    most = max((abs(word.score) for word in explanation.words), default=0) or 1
    lines: dict[str, list[str]] = {"statement": [], "beside": []}
    for word in explanation.words:
        color = "0,114,178" if word.score > 0 else "213,94,0"
        strength = 0.75 * abs(word.score) / most
        line = "border-bottom:2px solid" if word.score > 0 else "border-bottom:3px double"
        edge = f";{line} rgb({color})" if strength > 0.15 else ""
        lines[word.segment].append(f'<span title="{word.score:+.2f}" style="background:rgba({color},{strength:.2f}){edge}">{_escape(word.text)}</span>')
    beside = f"<p>read beside it: {' '.join(lines['beside'])}</p>" if lines["beside"] else ""
    unsure = " The scores miss the sum by more than a tenth: do not trust them." if explanation.gap > 0.1 * max(abs(explanation.change), 0.1) else ""
    return (
        f"<div><p><b>{explanation.label}</b> {explanation.probability:.2f}; blue, single line: for it, orange, double line: against it</p>"
        f"<p>{' '.join(lines['statement'])}</p>{beside}<p><small>All words together change its logit by {explanation.change:+.2f}; the scores miss that by "
        f"{explanation.gap:.2f}.{unsure} Model: {_escape(explanation.model)}</small></p></div>"
    )


def explanation_page(explanation: Any) -> str:  # noqa: ANN401 - an Explanation
    """Return the page of one explanation, whole."""
    return _page(f"Why {explanation.label}", f"<h1>Why {explanation.label}</h1>{explanation_html(explanation)}", "")


def _share_table(found: Shares) -> str:
    """A row per group: for each label a bar of the corrected share with its interval, and the count, which leads to the statements."""
    lines = []
    for i in range(0, len(found.rows), len(LABELS)):
        group = found.rows[i : i + len(LABELS)]
        cells = []
        for row in group:
            count = round(row.raw * row.n_statements)
            link = f'<a href="#statements" data-by={found.by} data-group="{_escape(row.group)}" data-label={row.label}>{count}</a>'
            if row.corrected is None or row.low is None or row.high is None:
                cells.append(f"<td>{100 * row.raw:.0f} % as counted ({link})</td>")
                continue
            place, width = 100 * row.low, 100 * (row.high - row.low)
            bar = (
                f'<div class=scale aria-hidden=true><span class="range {row.label}" style="left:{place:.1f}%;width:{width:.1f}%"></span>'
                f'<span class=point style="left:{100 * row.corrected:.1f}%"></span></div>'
            )
            cells.append(f"<td>{bar}{100 * row.corrected:.0f} % ({100 * row.low:.0f}-{100 * row.high:.0f}), counted {link}, {100 * row.raw:.0f} %</td>")
        total = f'<a href="#statements" data-by={found.by} data-group="{_escape(group[0].group)}">{group[0].n_statements}</a>'
        lines.append(f"<tr><th scope=row>{_escape(group[0].group)}</th><td>{total}</td><td>{group[0].n_articles}</td>{''.join(cells)}</tr>")
    head = "".join(f"<th scope=col aria-sort=none><button type=button>{name}</button></th>" for name in (found.by, "statements", "articles", *LABELS))
    notes = "".join(f'<p class="warn">{_escape(warning)}</p>' for warning in found.warnings)
    return f"{notes}<table class=shares><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _top(statement: Statement) -> str:
    """The most probable label, under which a statement is counted whether or not the model abstained."""
    return max(LABELS, key=lambda label: statement.prediction.probabilities[label])


def _escape(text: object) -> str:
    return html.escape(str(text), quote=True)


def _name(statement: Statement) -> str:
    return str(statement.quote.speaker or "") or UNKNOWN


def _label(statement: Statement) -> str:
    return statement.prediction.label or "abstained"


def cut(text: str, width: int) -> str:
    """A text in at most so many characters."""
    return text if len(text) <= width else text[: width - 1] + "…"


def _badge(statement: Statement) -> str:
    label, doubt = _label(statement), " (?)" if is_doubtful(statement) else ""
    return f'<span class="badge {label}">{label if label != "abstained" else "no label"}</span> {statement.prediction.confidence:.2f}{doubt}'


def _data(number: int, statement: Statement) -> str:
    """What the page's script knows of a statement beside the cells of its row: for filters, and for the note on hover and focus."""
    speaker, prediction = statement.quote.speaker, statement.prediction
    found = f' data-n={number} data-p="{" ".join(f"{100 * prediction.probabilities[label]:.0f}" for label in LABELS)}"'
    if speaker:
        found += f" data-sure={100 * speaker.confidence:.0f}"
        if speaker.description and speaker.description != speaker.name:
            found += f' data-about="{_escape(speaker.description)}"'
    return found + (" data-doubt" if is_doubtful(statement) else "")


def _marked(report: Any) -> str:  # noqa: ANN401
    """The article as it was. Where statements overlap, a stretch bears the marks of the first and is of all."""
    starts: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    for number, statement in enumerate(report.statements, 1):
        for part in (part for part in statement.quote.parts if part.start < part.end):
            starts.setdefault(part.start, []).append(number)
            ends.setdefault(part.end, []).append(number)
    cuts = sorted({0, len(report.text), *starts, *ends})
    open_now: list[int] = []
    seen: set[int] = set()
    pieces = []
    for start, end in pairwise(cuts):
        for number in ends.get(start, ()):
            open_now.remove(number)
        open_now += starts.get(start, ())
        text = _escape(report.text[start:end])
        if not open_now:
            pieces.append(text)
            continue
        statement = report.statements[min(open_now) - 1]
        new = sorted(set(open_now) - seen)
        places = "".join(f"<a id=s{n}></a>" for n in new[1:])
        first = f" id=s{new[0]} tabindex=0" if new else ""
        names = [_label(statement), statement.quote.kind, *(["doubtful"] if is_doubtful(statement) else [])]
        numbers = "" if open_now == new[:1] else f' data-all="{" ".join(map(str, sorted(open_now)))}"'
        pieces.append(f'{places}<mark{first} class="{" ".join(names)}"{numbers}>{text}</mark>')
        seen.update(open_now)
    return "".join(pieces)


def _filters(report: Any) -> str:  # noqa: ANN401
    if not report.statements:
        return "<p>No quoted statements were found.</p>"
    given = {_label(statement) for statement in report.statements}
    boxes = "".join(
        f'<label><input type=checkbox name=stance value={label} checked> <span class="badge {label}">'
        f"{label if label != 'abstained' else 'no label'}</span></label>"
        for label in (*LABELS, "abstained")
        if label in given
    )
    names = "".join(f'<option value="{_escape(speaker.name)}">{_escape(speaker.name)} ({speaker.n_statements})</option>' for speaker in report.speakers)
    return (
        f'<form id=filters aria-label="Which statements to mark">{boxes}'
        f"<label>speaker <select name=speaker><option value=''>all</option>{names}</select></label>"
        f"<label><input type=checkbox name=doubt> doubtful alone</label><output id=shown>{len(report.statements)} shown</output></form>"
    )


def _bars(report: Any) -> str:  # noqa: ANN401
    """A bar per speaker, as a table, so that it reads without being seen."""
    if not report.speakers:
        return ""
    most = report.speakers[0].n_statements
    rows = []
    for speaker in report.speakers:
        counts = {**speaker.counts, "abstained": speaker.n_statements - sum(speaker.counts.values())}
        parts = "".join(f'<span class="part {label}" style="width:{100 * n / most:.2f}%">{SIGNS[label]}</span>' for label, n in counts.items() if n)
        said = ", ".join(f"{n} {label if label != 'abstained' else 'without a label'}" for label, n in counts.items() if n)
        about = f"<br><small>{_escape(speaker.description)}</small>" if speaker.description and speaker.description != speaker.name else ""
        rows.append(f"<tr><th scope=row>{_escape(speaker.name)}{about}</th><td><div class=bar aria-hidden=true>{parts}</div></td><td>{said}</td></tr>")
    head = "<tr><th scope=col>speaker</th><th scope=col>statements</th><th scope=col>stances</th></tr>"
    return f"<details open><summary>Speakers</summary><table class=bars><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table></details>"


def _page(title: str, body: str, script: str, *, wide: bool = False) -> str:
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    foot = "Stance toward negotiating. Labels are readings of single statements by a small model: read the statement before you use one."
    return (
        '<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width,initial-scale=1">'
        f'<meta http-equiv=Content-Security-Policy content="{policy}"><meta name=color-scheme content="light dark">'
        f"<title>{_escape(title)}</title><style>{_STYLE}{_TABLE_STYLE}</style></head><body{' class=wide' if wide else ''}>{body}"
        f"<footer>{foot}</footer><script>{script}</script></body></html>\n"
    )


_TABLE_STYLE = """
.badge{white-space:nowrap;padding:0 .35em;border-radius:.25em;border-bottom:2px solid #777;background:#8883}
.badge.support{border-bottom-color:#0072b2;background:#0072b233}.badge.oppose{border-bottom:3px double #d55e00;background:#d55e0033}
.badge.neutral{border-bottom-style:dotted}.badge.abstained{border-bottom-style:dashed}
.badge.support::before{content:"+ "}.badge.oppose::before{content:"− "}.badge.neutral::before{content:"○ "}.badge.abstained::before{content:"? "}
"""
_STYLE = """
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--soft:#666;--line:#d5d5d5;--card:#fffdf4;--focus:#000}
@media(prefers-color-scheme:dark){:root{--ink:#ececec;--paper:#161616;--soft:#a8a8a8;--line:#444;--card:#262520;--focus:#fff}}
*{box-sizing:border-box}
body{font:1.05rem/1.6 Georgia,serif;color:var(--ink);background:var(--paper);max-width:48rem;margin:0 auto;padding:1rem 1rem 6rem}
h1{font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}h2{font-size:1.1rem}
.meta,footer,small{color:var(--soft)}.meta,footer,form,table,summary,#card,header p{font-family:system-ui,sans-serif;font-size:.9rem}
.warn::before{content:"Note: ";font-weight:bold}
article{white-space:pre-wrap;overflow-wrap:anywhere;margin:1.5rem 0}
form{display:flex;flex-wrap:wrap;gap:.4rem 1rem;align-items:center;position:sticky;top:0;background:var(--paper);padding:.6rem 0;
border-bottom:1px solid var(--line);z-index:1}
select{max-width:14rem}
mark{color:inherit;background:#8882;border-bottom:2px dotted #888;border-radius:.15em}
mark.support{background:#0072b22e;border-bottom:2px solid #0072b2}mark.oppose{background:#d55e002e;border-bottom:4px double #d55e00}
mark.abstained{border-bottom-style:dashed}mark.doubtful{outline:1px dashed var(--soft);outline-offset:1px}mark.indirect{font-style:italic}
mark[tabindex]::before{font:bold .8em system-ui,sans-serif;margin-right:.2em}
mark.support::before{content:"+"}mark.oppose::before{content:"−"}mark.neutral::before{content:"○"}mark.abstained::before{content:"?"}
mark:not([tabindex])::before{content:none}
mark.off{background:none;border-color:transparent;outline:none;opacity:.55}mark.off::before{content:none}
mark.on,mark:focus{outline:2px solid var(--focus);outline-offset:1px}
mark,article a{scroll-margin-top:5rem}
.bar{display:flex;min-width:8rem}.part{font:bold .75rem/1.3rem system-ui,sans-serif;text-align:center;overflow:hidden;border-right:1px solid var(--paper);
background:#9996}
.part.support{background:#0072b2;color:#fff}.part.oppose{background:#d55e00;color:#000}
table{border-collapse:collapse;width:100%;margin:.5rem 0}th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid var(--line);
overflow-wrap:anywhere}
section{content-visibility:auto;contain-intrinsic-size:auto 60rem}.list{table-layout:fixed}
.list th:nth-child(1){width:3.2rem}.list th:nth-child(2){width:22%}.list th:nth-child(3){width:23%}.list th:nth-child(4){width:5.2rem}
tr[hidden]{display:none}th button{all:unset;cursor:pointer;font-weight:bold}th button:focus-visible{outline:2px solid var(--focus)}
th[aria-sort=ascending] button::after{content:" ▲"}th[aria-sort=descending] button::after{content:" ▼"}
.wide{max-width:75rem}.shares th[aria-sort]{white-space:nowrap}.scale{position:relative;height:.9rem;min-width:7rem;background:#8882;margin-bottom:.2rem}
.scale .range{position:absolute;top:0;bottom:0;background:#9999}.scale .range.support{background:#0072b299}.scale .range.oppose{background:#d55e0099}
.scale .point{position:absolute;top:-.15rem;bottom:-.15rem;width:2px;background:var(--ink)}
#card{position:fixed;left:0;right:0;bottom:0;padding:.7rem 1rem;background:var(--card);border-top:2px solid var(--line);max-height:40vh;overflow:auto;z-index:2}
@media(max-width:34rem){body{font-size:1rem;padding:.6rem .8rem 6rem}.bars td:nth-child(2){display:none}.bars th:nth-child(2):not([scope=row]){display:none}
form{position:static}}
@media print{form,#card{display:none}}
"""
_ARTICLE_SCRIPT = """
(() => {
  const marks = [...document.querySelectorAll('mark')], rows = [...document.querySelectorAll('tbody tr[data-n]')];
  const card = document.getElementById('card'), form = document.getElementById('filters'), shown = document.getElementById('shown');
  const stanceOf = (row) => row.cells[2].firstChild.classList[1];
  const note = (row) => {
    const { n, p, sure, about } = row.dataset, [support, oppose, neutral] = p.split(' '), stance = stanceOf(row);
    const label = stance === 'abstained' ? 'no label: not sure enough' : stance, doubt = 'doubt' in row.dataset ? ' Doubtful.' : '';
    const who = row.cells[1].textContent + (about ? `, ${about}` : '') + (sure ? ` (sure of the speaker: ${sure} %)` : '');
    return `${n}. ${who}. ${label}. ${row.cells[3].textContent}. support ${support} %, oppose ${oppose} %, neutral ${neutral} %.${doubt}`;
  };
  const of = (mark) => mark.dataset.all?.split(' ') ?? [mark.id.slice(1)];
  const byNumber = new Map(rows.map((row) => [row.dataset.n, row]));
  let wanted = new Set(rows.map((row) => row.dataset.n));
  const show = (mark) => {
    const all = mark ? of(mark).filter((n) => wanted.has(n)) : [];
    marks.forEach((other) => other.classList.toggle('on', of(other).some((n) => all.includes(n))));
    card.hidden = !all.length;
    card.textContent = all.map((n) => note(byNumber.get(n))).join(' ');
  };
  const apply = () => {
    const stances = new Set([...form.querySelectorAll('[name=stance]:checked')].map((box) => box.value));
    const speaker = form.elements.speaker.value, doubt = form.elements.doubt.checked;
    wanted = new Set();
    rows.forEach((row) => {
      const keep = stances.has(stanceOf(row)) && (!speaker || row.cells[1].textContent === speaker) && (!doubt || 'doubt' in row.dataset);
      row.hidden = !keep;
      if (keep) wanted.add(row.dataset.n);
    });
    marks.forEach((mark) => {
      const keep = of(mark).some((n) => wanted.has(n));
      mark.classList.toggle('off', !keep);
      if (keep && of(mark).length > 1) {  // it shows the first of its statements that is wanted
        mark.classList.remove('support', 'oppose', 'neutral', 'abstained');
        mark.classList.add(stanceOf(byNumber.get(of(mark).find((n) => wanted.has(n)))));
      }
      if (mark.hasAttribute('tabindex')) mark.tabIndex = keep ? 0 : -1;
    });
    shown.textContent = `${wanted.size} shown`;
    show(null);
  };
  marks.forEach((mark) => {
    mark.addEventListener('mouseenter', () => show(mark));
    mark.addEventListener('mouseleave', () => show(document.activeElement?.closest?.('mark')));
    mark.addEventListener('focus', () => show(mark));
    mark.addEventListener('blur', () => show(null));
  });
  form?.addEventListener('input', apply);
  if (form) apply();  // a browser that reloads a page keeps its boxes as they were
  form?.addEventListener('submit', (event) => event.preventDefault());
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape') { document.activeElement?.blur(); show(null); } });
})();
"""
_CORPUS_SCRIPT = """
(() => {
  const rows = [...document.querySelectorAll('#rows tbody tr')], shown = document.getElementById('shown'), every = document.getElementById('every');
  const keep = (test) => {
    let n = 0;
    rows.forEach((row) => { row.hidden = !test(row); n += !row.hidden; });
    shown.textContent = `${n} shown`;
    every.hidden = n === rows.length;
  };
  document.querySelectorAll('a[data-by]').forEach((link) => link.addEventListener('click', () => {
    const { by, group, label } = link.dataset;
    keep((row) => row.dataset[by] === group && (!label || row.dataset.label === label));
  }));
  every.addEventListener('click', () => keep(() => true));
  const value = (row, i) => row.cells[i].textContent.trim();
  document.querySelectorAll('th button').forEach((button) => button.addEventListener('click', () => {
    const head = button.parentElement, body = head.closest('table').tBodies[0], i = head.cellIndex;
    const down = head.getAttribute('aria-sort') === 'ascending';
    head.parentElement.querySelectorAll('th').forEach((other) => other.setAttribute('aria-sort', 'none'));
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const order = (a, b) => value(a, i).localeCompare(value(b, i), undefined, { numeric: true });
    body.append(...[...body.rows].sort((a, b) => (down ? order(b, a) : order(a, b))));
  }));
})();
"""
