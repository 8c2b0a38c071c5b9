"""A text -> its attributions, by a token classifier: who (source), says (cue), what (content).

Comes in: any text, of any length. Goes out: `Attribution` records in offsets of that text. A transformers token
classifier reads overlapping windows of words; a conditional random field picks the best legal sequence of tags, and two
bilinear heads point from each stretch of content to its cue and from each cue to its source, wherever in the window they
stand. Words are never cut: one is what a reader would call a word, or one punctuation mark, and its first piece speaks
for it. An uncased encoder is told by `shapes` what it cannot see: capitals, and what stands between quotation marks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import regex
from numpy.typing import NDArray

from stance.backends import OpenVinoRunner, has_bfloat16, padded, run_torch, token_batches
from stance.encoding import Reader, reader_of, without_surrogates
from stance.quotes.marks import find_marked
from stance.quotes.passages import paragraphs, words_inside

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    Batch = dict[str, torch.Tensor]

ROLES = ("source", "cue", "content")
TAGS = ("O", *(f"{edge}-{role}" for role in ROLES for edge in "BI"))
TAG_TO_ID = {tag: i for i, tag in enumerate(TAGS)}
_NEXT_TO_NOTHING = 3  # words and marks
_FEW_SHAPES = 32  # OpenVINO keeps what it prepared for each shape, so that there should not be many
_TOGETHER = 4  # windows in a batch
_PIECES = 12  # of one word; the rest of a longer one (an address, a line of dashes) is not read
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}\p{N}]*(?:['’\-&.](?=\p{L})[\p{L}\p{M}\p{N}]+)*|\p{N}+(?:[.,:]\p{N}+)*|``|''|[^\s\p{Cf}]")
_STRAIGHT = str.maketrans("’‘‚‛", "''''")


@dataclass(frozen=True, slots=True)
class Attribution:
    """What somebody is said to say; all spans are (start, end) characters.

    Attributes:
        content: The stretches that report it, in order.
        cue: The reporting words, or None.
        source: The mention of who says it, or None.
        confidence: The mean probability of the content's tags.
        linked: The probability of the link from cue to source; 1 where there is none.
    """

    content: tuple[tuple[int, int], ...]
    cue: tuple[int, int] | None
    source: tuple[int, int] | None
    confidence: float
    linked: float


def words(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of every word and punctuation mark, with an empty span before each paragraph but the first."""
    found: list[tuple[int, int]] = []
    for start, end in paragraphs(text):
        if found:
            found.append((start, start))
        found.extend(match.span() for match in _WORD.finditer(text, start, end))
    return found


N_SHAPES = 6


def shapes(text: str, spans: Sequence[tuple[int, int]]) -> list[int]:
    """Say how each word is printed: 0 in small letters, 1 with a capital, 2 in capitals; 3 more between quotation marks."""
    found = [0 if word == word.lower() else 2 if len(word) > 1 and word == word.upper() else 1 for word in (text[a:b] for a, b in spans)]
    for marked in find_marked(text):
        for i in words_inside(spans, marked.start, marked.end):
            found[i] = found[i] % 3 + 3
    return found


@dataclass(frozen=True)
class Window:
    """A stretch of words as a network reads it.

    Attributes:
        first: Number of its first word in the text.
        input_ids: Ids of its word pieces, with the special ones at both ends.
        shapes: For each piece how its word is printed; 0 for the special ones.
        heads: For each word, the place of its first piece in `input_ids`.
    """

    first: int
    input_ids: list[int]
    shapes: list[int]
    heads: list[int]


def windows(text: str, spans: Sequence[tuple[int, int]], reader: Reader, max_length: int, overlap: int) -> list[Window]:
    """Cut a text into overlapping windows of whole words.

    Args:
        text: The text.
        spans: Its words, as `words` gives them.
        reader: The tokenizer.
        max_length: Pieces in a window, the special ones included.
        overlap: Pieces that two neighbours share, at least.

    Returns:
        Windows in order; together they hold every word.
    """
    if not spans:
        return []
    separator = reader.rust.id_to_token(reader.special["sep"])
    printed = [without_surrogates(text[a:b].translate(_STRAIGHT)) or separator for a, b in spans]
    encoded = reader.rust.encode(printed, is_pretokenized=True, add_special_tokens=False)
    room = max(1, max_length - 2)
    limit = min(_PIECES, room)
    pieces: list[list[int]] = [[] for _ in spans]
    for piece, word in zip(encoded.ids, encoded.word_ids, strict=True):
        if word is not None and len(pieces[word]) < limit:
            pieces[word].append(piece)
    pieces = [ids or [reader.special["unk"]] for ids in pieces]
    shape_of = shapes(text, spans)
    found, first = [], 0
    while True:
        ids, shaped, heads, last = [reader.special["cls"]], [0], [], first
        while last < len(pieces) and len(ids) - 1 + len(pieces[last]) <= room:
            heads.append(len(ids))
            ids.extend(pieces[last])
            shaped.extend([shape_of[last]] * len(pieces[last]))
            last += 1
        found.append(Window(first, [*ids, reader.special["sep"]], [*shaped, 0], heads))
        if last == len(pieces):
            return found
        shared, following = 0, last
        while following > first + 1 and shared < overlap:
            following -= 1
            shared += len(pieces[following])
        first = following


def extend(network: "PreTrainedModel", size: int = 128) -> "PreTrainedModel":
    """Give a token classifier two pointing heads (content -> cue, cue -> source), shapes of words and transitions of tags."""
    import torch

    class Links(torch.nn.Module):
        def __init__(self, hidden: int) -> None:
            super().__init__()
            self.query = torch.nn.Linear(hidden, 2 * size)
            self.key = torch.nn.Linear(hidden, 2 * size)

        def forward(self, first: "torch.Tensor", heads: "torch.Tensor") -> "torch.Tensor":
            """Score every word (and nothing, at 0) as the cue and as the source of every word.

            Args:
                first: What the network says of the window's first piece, shape (n_windows, hidden).
                heads: What it says of the words, shape (n_windows, n_words, hidden).

            Returns:
                Shape (n_windows, 2, n_words, n_words + 1).
            """
            n, m, _ = heads.shape
            query = self.query(heads).view(n, m, 2, size).transpose(1, 2)
            key = self.key(torch.cat([first.unsqueeze(1), heads], 1)).view(n, m + 1, 2, size).transpose(1, 2)
            scores: torch.Tensor = query @ key.transpose(2, 3) / size**0.5
            return scores

    network.links = Links(network.config.hidden_size)
    network.shapes = torch.nn.Embedding(N_SHAPES, network.get_input_embeddings().embedding_dim)
    torch.nn.init.zeros_(network.shapes.weight)
    network.transitions = torch.nn.Parameter(torch.zeros(len(TAGS), len(TAGS)))  # from, to
    return network


def forward(network: Any, batch: "Batch") -> "tuple[torch.Tensor, torch.Tensor]":  # noqa: ANN401
    """Run the network over a batch of windows.

    Args:
        network: What `extend` gave.
        batch: What `collate` gave.

    Returns:
        Logits of the tags, shape (n_windows, n_words, n_tags), and of the links, (n_windows, 2, n_words, n_words + 1).
    """
    import torch

    embedded = network.get_input_embeddings()(batch["input_ids"]) + network.shapes(batch["shapes"])
    hidden = network.base_model(inputs_embeds=embedded, attention_mask=batch["attention_mask"]).last_hidden_state
    at_words = torch.gather(hidden, 1, batch["heads"].unsqueeze(2).expand(-1, -1, hidden.shape[2]))
    dropout = getattr(network, "dropout", None) or network.drop  # ModernBERT calls it so
    return network.classifier(dropout(at_words)), network.links(hidden[:, 0], at_words)


def _legal() -> NDArray[np.float64]:
    """0 where one tag may follow another, shape (n_tags, n_tags); I only behind B or I of the same role."""
    allowed = np.zeros((len(TAGS), len(TAGS)))
    for j, tag in enumerate(TAGS):
        if tag.startswith("I-"):
            for i, before in enumerate(TAGS):
                if before[2:] != tag[2:]:
                    allowed[i, j] = -np.inf
    return allowed


LEGAL = _legal()
_FIRST = np.array([-np.inf if tag.startswith("I-") else 0.0 for tag in TAGS])


def best_tags(scores: NDArray[np.floating[Any]], transitions: NDArray[np.floating[Any]] | float = 0.0, breaks: Sequence[int] = ()) -> list[int]:
    """Find the likeliest legal sequence of tags (Viterbi).

    Args:
        scores: Of each tag at each word, shape (n_words, n_tags).
        transitions: Scores from tag to tag, shape (n_tags, n_tags).
        breaks: Words that are O for certain; what stands between two of them is read beside the rest, which is faster.

    Returns:
        n_words ids of tags.
    """
    found = np.zeros(len(scores), dtype=np.int64)
    allowed = LEGAL + transitions
    cut = _Stretches(len(scores), breaks)
    if not cut.n:
        return found.tolist()
    emitted = cut.take(scores)  # (n_stretches, longest, n_tags)
    score = emitted[:, 0] + np.where(cut.behind[:, None], allowed[0], _FIRST)
    back = np.zeros(emitted.shape, dtype=np.int64)
    for i in range(1, cut.longest):
        paths = score[:, :, None] + allowed
        back[:, i] = paths.argmax(1)
        score = np.where(cut.reaches(i), paths.max(1) + emitted[:, i], score)
    best = (score + np.where(cut.before[:, None], allowed[:, 0], 0.0)).argmax(1)
    chosen = np.zeros(emitted.shape[:2], dtype=np.int64)
    for i in range(cut.longest - 1, -1, -1):
        chosen[:, i] = best
        best = np.where(cut.reaches(i)[:, 0], back[np.arange(cut.n), i, best], best)
    found[cut.words] = chosen[cut.inside]
    return found.tolist()


def marginals(scores: NDArray[np.floating[Any]], transitions: NDArray[np.floating[Any]] | float = 0.0, breaks: Sequence[int] = ()) -> NDArray[np.float64]:
    """Give the probability of each tag at each word over all legal sequences (forward-backward).

    Args:
        scores: As for `best_tags`.
        transitions: As for `best_tags`.
        breaks: As for `best_tags`.

    Returns:
        Shape (n_words, n_tags); rows sum to 1.
    """
    given = np.zeros(scores.shape)
    given[:, 0] = 1.0
    cut = _Stretches(len(scores), breaks)
    if not cut.n:
        return given
    step = np.exp(LEGAL + transitions)
    local = np.exp(np.maximum(cut.take(scores - scores.max(1, keepdims=True)), -500.0))  # no tag is impossible by itself
    forwards, backwards = np.ones_like(local), np.ones_like(local)
    start, end = np.where(cut.behind[:, None], step[0], np.exp(_FIRST)), np.where(cut.before[:, None], step[:, 0], 1.0)
    for i in range(cut.longest):
        reached = local[:, i] * (forwards[:, i - 1] @ step if i else start)
        forwards[:, i] = reached / reached.sum(1, keepdims=True)
    for i in range(cut.longest - 1, -1, -1):
        reached = (local[:, i + 1] * backwards[:, i + 1]) @ step.T if i + 1 < cut.longest else end
        reached = np.where(cut.reaches(i + 1), reached, end)
        backwards[:, i] = reached / reached.sum(1, keepdims=True)
    found = (forwards * backwards)[cut.inside]
    given[cut.words] = found / found.sum(1, keepdims=True)
    return given


class _Stretches:
    """The words between breaks, one row for each stretch of them.

    Attributes:
        n: How many.
        longest: Words of the longest.
        behind, before: Whether a break stands in front of each, and behind it, shape (n,).
        words: Numbers of all words that are no break.
        inside: Which places of the rows they have, shape (n, longest).
    """

    def __init__(self, n_words: int, breaks: Sequence[int]) -> None:
        edges = np.array([-1, *breaks, n_words])
        lengths = np.diff(edges) - 1
        kept = np.flatnonzero(lengths > 0)
        self.n, self._lengths, self._starts = len(kept), lengths[kept], edges[kept] + 1
        self.longest = int(self._lengths.max()) if self.n else 0
        self.behind, self.before = kept > 0, kept < len(lengths) - 1
        places = np.arange(self.longest)
        self.inside = places < self._lengths[:, None]
        self._rows = np.where(self.inside, self._starts[:, None] + places, 0)
        self.words = self._rows[self.inside]

    def take(self, values: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Rows of the words' values; what is behind a stretch's end is filled up."""
        return values[self._rows]

    def reaches(self, i: int) -> NDArray[np.bool_]:
        """Whether each stretch has a word of that number, shape (n, 1)."""
        return (self._lengths > i)[:, None]


def stretches(tags: Sequence[int]) -> list[tuple[str, int, int]]:
    """Return (role, first word, one past the last) of every stretch of a legal sequence."""
    found: list[tuple[str, int, int]] = []
    for i, tag in enumerate(TAGS[t] for t in tags):
        if tag.startswith("B-"):
            found.append((tag[2:], i, i + 1))
        elif tag.startswith("I-"):
            found[-1] = (*found[-1][:2], i + 1)
    return found


class Tagger:
    """A trained tagger, ready to read texts."""

    def __init__(self, network: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", max_length: int = 320, overlap: int = 64) -> None:
        """Wrap a network that `extend` made a tagger.

        Args:
            network: A token classifier over `TAGS`.
            tokenizer: Its fast tokenizer.
            max_length: Pieces in a window.
            overlap: Pieces that neighbouring windows share.
        """
        self.network, self.tokenizer, self.max_length, self.overlap = network.eval(), tokenizer, max_length, overlap
        self.reader = reader_of(tokenizer)
        self._runner: OpenVinoRunner | None = None

    @classmethod
    def converted(cls, runner: OpenVinoRunner) -> "Tagger":
        """Wrap a network that was converted; it has no torch network, and cannot be trained or saved."""
        tagger = cls.__new__(cls)
        tagger.reader, tagger._runner = runner.reader, runner
        tagger.max_length, tagger.overlap = runner.facts["max_length"], runner.facts["overlap"]
        return tagger

    @property
    def is_converted(self) -> bool:
        """Whether it has no torch network."""
        return self._runner is not None

    @property
    def transitions(self) -> NDArray[np.float64]:
        """Scores from tag to tag, shape (n_tags, n_tags)."""
        if self._runner is not None:
            return np.array(self._runner.facts["transitions"])
        found: NDArray[np.float64] = self.network.transitions.detach().cpu().double().numpy()
        return found

    @property
    def backend(self) -> str:
        """What computes, and in which precision."""
        if self._runner is not None:
            return self._runner.name
        return f"torch {'bfloat16' if self._bfloat16 else 'float32'}"

    def attributions(self, text: str) -> list[Attribution]:
        """Find who is said to say what.

        Args:
            text: Any text.

        Returns:
            Attributions in the order of their content; offsets are characters of `text`.
        """
        return self._read(text)[1]

    def tags(self, text: str) -> list[int]:
        """Tag every word: ids of `TAGS`, in the order of `words(text)`."""
        return self._read(text)[0]

    def _read(self, text: str) -> tuple[list[int], list[Attribution]]:
        spans = words(text)
        found = windows(text, spans, self.reader, self.max_length, self.overlap)
        if not found:
            return [], []
        tags = np.zeros((len(spans), len(TAGS)))
        centrality = np.full(len(spans), -1)
        owner = np.zeros(len(spans), dtype=np.int64)
        links: list[NDArray[np.float32]] = []
        for number, (window, tag_scores, link_scores) in enumerate(zip(found, *self._scores(found), strict=True)):
            # Of two windows that hold a word, the one speaks for it in which it stands further from a cut.
            n = len(window.heads)
            links.append(link_scores)
            left = np.arange(n) if window.first else np.full(n, n)
            right = np.arange(n)[::-1] if window.first + n < len(spans) else np.full(n, n)
            here = slice(window.first, window.first + n)
            better = np.minimum(left, right) > centrality[here]
            tags[here][better] = tag_scores[better]
            centrality[here][better] = np.minimum(left, right)[better]
            owner[here][better] = number
        breaks = [i for i, (start, end) in enumerate(spans) if start == end]
        transitions = self.transitions  # a paragraph's end is part of nothing
        chosen = best_tags(tags, transitions, breaks)
        sure = marginals(tags, transitions, breaks)[np.arange(len(spans)), chosen]
        return chosen, self._assemble(spans, stretches(chosen), sure, found, owner, links)

    def _scores(self, found: list[Window]) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float32]]]:
        """Scores of tags and of links of each window."""
        tags: list[NDArray[np.float64]] = [np.empty(0)] * len(found)
        links: list[NDArray[np.float32]] = [np.empty(0, dtype=np.float32)] * len(found)
        # torch gains nothing from a batch on a CPU, and loses what is padding.
        alone = self._runner is None and self.network.device.type == "cpu"
        for rows in token_batches([len(window.input_ids) for window in found], 1 if alone else _TOGETHER * self.max_length):
            batch = collate([found[i] for i in rows], self.reader.special["pad"], _FEW_SHAPES if self._runner else 1)
            tag_logits, link_logits = self._runner(batch) if self._runner else self._torch(batch)
            for j, i in enumerate(rows):
                n = len(found[i].heads)
                tags[i], links[i] = tag_logits[j, :n].astype(float), link_logits[j, :, :n, : n + 1]
        return tags, links

    def _torch(self, batch: Mapping[str, NDArray[np.int64]]) -> list[NDArray[np.float32]]:
        return run_torch(partial(forward, self.network), batch, self.network.device, bfloat16=self._bfloat16)

    @property
    def _bfloat16(self) -> bool:
        return self.network.device.type == "cpu" and has_bfloat16()

    def _assemble(
        self,
        spans: list[tuple[int, int]],
        found: list[tuple[str, int, int]],
        sure: NDArray[np.float64],
        parts: list[Window],
        owner: NDArray[np.int64],
        links: list[NDArray[np.float32]],
    ) -> list[Attribution]:
        """Follow the links between stretches."""
        by_role = {role: {first: last for name, first, last in found if name == role} for role in ROLES}

        def follow(kind: int, word: int, among: dict[int, int]) -> tuple[int | None, float]:
            number = owner[word]
            window, scores = parts[number], links[number][kind, word - parts[number].first]
            places: list[int | None] = [None, *(first for first in among if window.first <= first < window.first + len(window.heads))]
            row = np.array([scores[0 if place is None else place - window.first + 1] for place in places], dtype=float)
            row = np.exp(row - row.max())
            best = int(row.argmax())
            return places[best], float(row[best] / row.sum())

        grouped: dict[object, list[int]] = {}
        for first in by_role["content"]:
            cue, _ = follow(0, first, by_role["cue"])
            grouped.setdefault(cue if cue is not None else ("alone", first), []).append(first)
        result = []
        for head, firsts in grouped.items():
            source: int | None = None
            linked = 1.0
            if isinstance(head, int):
                source, linked = follow(1, head, by_role["source"])
            for pieces in _cut_by_cue(firsts, by_role["content"], head):
                result.append(
                    Attribution(
                        tuple((spans[first][0], spans[by_role["content"][first] - 1][1]) for first in pieces),
                        _characters(spans, head, by_role["cue"]) if isinstance(head, int) else None,
                        _characters(spans, source, by_role["source"]) if source is not None else None,
                        float(np.mean([sure[first : by_role["content"][first]].mean() for first in pieces])),
                        linked,
                    )
                )
        return sorted(result, key=lambda attribution: attribution.content[0])


def _cut_by_cue(firsts: Sequence[int], lasts: dict[int, int], cue: object) -> list[list[int]]:
    """Keep stretches of content together that their cue parts ("We will go," she said, "but not today"), or next to nothing."""
    groups = [[firsts[0]]]
    for before, first in pairwise(firsts):
        parted_by_cue = isinstance(cue, int) and before < cue < first
        if parted_by_cue or first - lasts[before] <= _NEXT_TO_NOTHING:
            groups[-1].append(first)
        else:
            groups.append([first])
    return groups


def _characters(spans: list[tuple[int, int]], first: int, lasts: dict[int, int]) -> tuple[int, int]:
    return spans[first][0], spans[lasts[first] - 1][1]


def collate(batch: Sequence[Window], padding: int, multiple: int = 1) -> dict[str, NDArray[np.int64]]:
    """Pad windows to one size.

    Returns:
        `input_ids`, `shapes` and `attention_mask`, each (n_windows, n_pieces), and `heads`, (n_windows, n_words), padded with 0.
    """
    rows = [{"input_ids": w.input_ids, "shapes": w.shapes, "attention_mask": [1] * len(w.input_ids), "heads": w.heads} for w in batch]
    return padded(rows, {"input_ids": padding}, multiple)
