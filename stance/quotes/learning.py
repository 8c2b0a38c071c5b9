"""Annotated articles -> what the tagger learns from, and how well it does on them.

Comes in: JSON Lines, an article a line: `{"id", "text", "attributions": [{"content", "cue", "source"}]}`, each role a list of
[start, end] characters. Goes out: windows with a tag for every word and the links between stretches; exact-span scores.
`scripts/read_polnear.py` makes such a file of PolNeAR.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stance.corpora import has_words
from stance.encoding import Reader
from stance.errors import InputError, UnreadableFileError
from stance.quotes.passages import words_inside
from stance.quotes.tagger import LEGAL, ROLES, TAG_TO_ID, Tagger, Window, collate, forward, stretches, windows, words

if TYPE_CHECKING:
    import torch

IGNORED = -100  # the index that torch's cross-entropy leaves out
LINK_WEIGHT = 0.3
HIDDEN_SHARE = 0.1  # of the pieces, drawn anew every time, are masked in training: the context must do


@dataclass(frozen=True)
class AnnotatedArticle:
    """An article with its attributions.

    Attributes:
        id: Its name.
        text: The article.
        attributions: For each, role -> (start, end) characters of its stretches.
    """

    id: str
    text: str
    attributions: tuple[dict[str, tuple[tuple[int, int], ...]], ...]


@dataclass(frozen=True)
class LabelledWindow:
    """A window and what is to be learnt from it.

    Attributes:
        window: The words.
        tags: For each word the id of its tag.
        links: Two lists: for each word its cue and its source, counted from 1 within the window, 0 for none and `IGNORED`
            where there is nothing to learn.
    """

    window: Window
    tags: list[int]
    links: tuple[list[int], list[int]]


def read_articles(path: str | Path) -> list[AnnotatedArticle]:
    """Read annotated articles.

    Args:
        path: A JSON Lines file.

    Returns:
        The articles in order.

    Raises:
        UnreadableFileError: The file cannot be read.
        InputError: A line is not such an article; the message names it.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(path, f"cannot be read ({error}). Pass JSON Lines, an annotated article a line.") from error
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(_article(json.loads(line)))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise InputError(f"{path}, line {number}: is no annotated article ({error}). See stance/quotes/learning.py for the form.") from error
    if not found:
        raise InputError(f"{path}: holds no article.")
    return found


def _article(data: Any) -> AnnotatedArticle:  # noqa: ANN401 - whatever JSON holds
    text = data["text"]
    if not isinstance(text, str) or not has_words(text):
        raise ValueError(f"its text is {text!r}, expected a string with words")
    attributions = []
    for attribution in data["attributions"]:
        roles = {role: tuple((int(a), int(b)) for a, b in attribution.get(role, [])) for role in ROLES}
        for stretch in (stretch for places in roles.values() for stretch in places):
            if not 0 <= stretch[0] < stretch[1] <= len(text):
                raise ValueError(f"{list(stretch)} lies outside the text of {len(text)} characters")
        attributions.append(roles)
    return AnnotatedArticle(str(data.get("id", "")), text, tuple(attributions))


def tag_words(article: AnnotatedArticle, spans: Sequence[tuple[int, int]]) -> tuple[list[int], dict[int, int | None], dict[int, int | None]]:
    """Turn annotations into tags and links of words.

    Args:
        article: The article.
        spans: Its words, as `words` gives them.

    Returns:
        The id of each word's tag; first word of a content stretch -> first word of its cue; first word of a cue -> first
        word of its source. None where there is none.
    """
    tags, cues, sources = [0] * len(spans), {}, {}
    for attribution in article.attributions:
        placed = {role: _word_stretches(article.text, attribution[role], spans) for role in ROLES}
        cue = placed["cue"][0][0] if placed["cue"] else None
        for role in ("content", "cue", "source"):
            for first, last in placed[role]:
                if any(tags[first:last]):
                    continue  # one attribution inside another: the first one keeps its words and its link
                tags[first:last] = [TAG_TO_ID[f"B-{role}"], *[TAG_TO_ID[f"I-{role}"]] * (last - first - 1)]
                if role == "content":
                    cues[first] = cue
                elif role == "cue" and first == cue:
                    sources[first] = placed["source"][0][0] if placed["source"] else None
    return tags, cues, sources


def _word_stretches(text: str, ranges: Iterable[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Words that lie in character ranges by half or more; ranges with nothing but punctuation between them are one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        inside = words_inside(spans, start, end)
        if not inside:
            continue
        if found and not any(c.isalnum() for i in range(found[-1][1], inside[0]) for c in text[slice(*spans[i])]):
            found[-1] = (found[-1][0], max(found[-1][1], inside[-1] + 1))
        else:
            found.append((inside[0], inside[-1] + 1))
    return found


def labelled_windows(articles: Iterable[AnnotatedArticle], reader: Reader, max_length: int, overlap: int) -> list[LabelledWindow]:
    """Cut articles into windows with their tags and links."""
    found = []
    for article in articles:
        spans = words(article.text)
        tags, cues, sources = tag_words(article, spans)
        for window in windows(article.text, spans, reader, max_length, overlap):
            here = range(window.first, window.first + len(window.heads))
            links = tuple([_target(table, word, here) for word in here] for table in (cues, sources))
            found.append(LabelledWindow(window, [tags[word] for word in here], (links[0], links[1])))
    return found


def _target(table: dict[int, int | None], word: int, here: range) -> int:
    """Where a link leads, counted within the window."""
    if word not in table:
        return IGNORED
    target = table[word]
    if target is None:
        return 0
    return target - here.start + 1 if target in here else IGNORED


def learner(tagger: Tagger) -> "torch.nn.Module":
    """Wrap a tagger's network so that transformers' `Trainer` gets its loss: of the tags, and a third of that of the links."""
    import torch

    tokenizer = tagger.tokenizer
    mask_id = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id

    class Learner(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network: Any = tagger.network

        def forward(self, labels: "torch.Tensor", links: "torch.Tensor", **batch: "torch.Tensor") -> "dict[str, torch.Tensor]":
            """Return the loss of a batch; `labels` (n_windows, n_words), `links` (n_windows, 2, n_words)."""
            if self.training:
                hidden = torch.rand(batch["input_ids"].shape, device=labels.device) < HIDDEN_SHARE
                hidden[:, 0] = False  # the first piece speaks for "no cue", "no source"
                batch["input_ids"] = torch.where(hidden & batch["attention_mask"].bool(), mask_id, batch["input_ids"])
            tag_logits, link_logits = forward(self.network, batch)
            known = labels != IGNORED
            # A padded word is no candidate: shape (n_windows, n_words + 1), the first for "none".
            candidates = torch.cat([torch.ones_like(known[:, :1]), known], 1)
            link_logits = link_logits.float().masked_fill(~candidates[:, None, None, :], -1e4)
            of_links = torch.nn.functional.cross_entropy(link_logits.flatten(0, 2), links.flatten(), ignore_index=IGNORED)
            with torch.autocast(tag_logits.device.type, enabled=False):
                of_tags = _surprise(tag_logits.float(), labels.clamp_min(0), known, self.network.transitions.float())
            return {"loss": of_tags.sum() / known.sum() + LINK_WEIGHT * torch.nan_to_num(of_links)}

    return Learner()


def _surprise(scores: "torch.Tensor", tags: "torch.Tensor", known: "torch.Tensor", transitions: "torch.Tensor") -> "torch.Tensor":
    """How unlikely a linear-chain conditional random field finds the right tags.

    Args:
        scores: Of each tag at each word, shape (n_windows, n_words, n_tags).
        tags: The right ones, shape (n_windows, n_words).
        known: Which words are no padding, the same shape.
        transitions: Scores from tag to tag, shape (n_tags, n_tags).

    Returns:
        Negative log likelihoods, shape (n_windows,).
    """
    import torch

    allowed = transitions + torch.from_numpy(LEGAL).to(transitions).clamp_min(-1e4)
    right = scores.gather(2, tags.unsqueeze(2)).squeeze(2) * known
    steps = allowed[tags[:, :-1], tags[:, 1:]] * known[:, 1:]
    total = scores[:, 0]
    for i in range(1, scores.shape[1]):
        reached = torch.logsumexp(total.unsqueeze(2) + allowed, 1) + scores[:, i]
        total = torch.where(known[:, i, None], reached, total)
    return torch.logsumexp(total, 1) - right.sum(1) - steps.sum(1)


def collate_labelled(batch: Sequence[LabelledWindow], padding: int) -> "dict[str, torch.Tensor]":
    """Pad labelled windows to one size, as `learner` takes them."""
    import torch

    padded = {name: torch.from_numpy(ids) for name, ids in collate([item.window for item in batch], padding).items()}
    labels = torch.full(padded["heads"].shape, IGNORED)
    links = torch.full((len(batch), 2, labels.shape[1]), IGNORED)
    for i, item in enumerate(batch):
        labels[i, : len(item.tags)] = torch.tensor(item.tags)
        links[i, :, : len(item.tags)] = torch.tensor(item.links)
    return {**padded, "labels": labels, "links": links}


def span_scores(articles: Sequence[AnnotatedArticle], tagger: Tagger) -> dict[str, float]:
    """Score exact spans: a stretch counts when its role, first and last word are those of the annotation.

    Args:
        articles: The gold standard.
        tagger: What reads them.

    Returns:
        The mean F1 over the roles as `macro_f1`, and for each role `<role>_f1`, `<role>_precision` and `<role>_recall`.
    """
    right, found, gold = Counter[str](), Counter[str](), Counter[str]()
    for article in articles:
        spans = words(article.text)
        wanted = set(stretches(tag_words(article, spans)[0]))
        got = set(stretches(tagger.tags(article.text)))
        for counter, items in ((right, wanted & got), (found, got), (gold, wanted)):
            counter.update(role for role, _, _ in items)
    scores: dict[str, float] = {}
    for role in ROLES:
        scores[f"{role}_f1"] = 2 * right[role] / max(1, found[role] + gold[role])
        scores[f"{role}_precision"] = right[role] / max(1, found[role])
        scores[f"{role}_recall"] = right[role] / max(1, gold[role])
    return {"macro_f1": sum(scores[f"{role}_f1"] for role in ROLES) / len(ROLES), **scores}
