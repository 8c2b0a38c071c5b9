"""The corpus -> counts, agreement and give-away figures, and what of it fails.

Comes in: nothing but the shipped corpus. Goes out: a `CorpusCheck` that prints as Markdown. A give-away is a sign by
which a label can be told without reading: length, marks, speakers, single words (Gururangan et al. 2018, NAACL,
"Annotation Artifacts in Natural Language Inference Data"). A corpus full of them teaches a model nothing of use.
"""

import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stance.baselines import tfidf
from stance.corpora import SPLITS, corpus_rows, read_examples
from stance.labels import LABEL_TO_ID, LABELS
from stance.metrics import krippendorff_alpha
from stance.records import STATEMENT_SLOT
from stance.splits import normalize

KINDS = ("direct", "indirect", "mixed")
STYLES = ("agency", "translated", "speech", "headline", "communique", "feature")
FIELDS = ("id", "text", "kind", "speaker", "context", "label", "rule", "style", "twin", "attributed", "readings", "settled")
N_RULES = 11

CHANCE_MARGIN = 0.05
WORD_USES, WORD_SHARE = 30, 0.85
PAIR_ACCURACY = 0.60
NEAR_DUPLICATE = 0.6
SHARE_MARGIN = 0.03
ALPHA, RULE_ALPHA = 0.80, 0.65


@dataclass(frozen=True)
class CorpusCheck:
    """What was counted and measured, and what fails.

    Attributes:
        figures: All numbers, nested by section.
        problems: One line for each check that fails; empty where all hold.
    """

    figures: dict[str, Any]
    problems: tuple[str, ...]

    def to_markdown(self) -> str:
        """Return the figures as Markdown."""
        f = self.figures
        lines = [
            f"{f['n_statements']} statements over {f['n_matters']} matters, {f['n_pairs']} contrast pairs, "
            f"{f['n_attributed']} statements with stances attributed to others.",
            "",
            "| split | matters | statements | share | " + " | ".join(LABELS) + " |",
            "|---|---|---|---|" + "---|" * len(LABELS),
        ]
        for split, row in f["splits"].items():
            shares = " | ".join(f"{100 * row['labels'][label]:.1f} %" for label in LABELS)
            lines.append(f"| {split} | {row['n_matters']} | {row['n_statements']} | {100 * row['share']:.1f} % | {shares} |")
        lines += ["", "| what | statements |", "|---|---|"]
        for title in ("kinds", "styles", "rules", "matter_types"):
            for name, count in f[title].items():
                lines.append(f"| {title[:-1].replace('_', ' ')} {name} | {count} ({100 * count / f['n_statements']:.1f} %) |")
        lines += [
            "",
            f"Words per statement: median {f['words']['median']:g}, from {f['words']['min']} to {f['words']['max']}; "
            f"with context {100 * f['with_context']:.1f} %.",
            "",
            f"Krippendorff's alpha of writer and blind reader before settling: {f['agreement']['alpha']:.3f} "
            f"({f['agreement']['n_disagreements']} disagreements). Per label (that label against the rest): "
            + ", ".join(f"{label} {value:.3f}" for label, value in f["agreement"]["labels"].items())
            + ". Per rule: "
            + ", ".join(f"{rule} {value:.3f}" for rule, value in f["agreement"]["rules"].items())
            + ".",
            "",
            "| give-away test | found | limit |",
            "|---|---|---|",
            f"| balanced accuracy from length and punctuation alone (chance 0.333) | {f['giveaway']['surface']:.3f} | {1 / 3 + CHANCE_MARGIN:.3f} |",
            f"| balanced accuracy from the speaker alone (chance 0.333) | {f['giveaway']['speaker']:.3f} | {1 / 3 + CHANCE_MARGIN:.3f} |",
            f"| TF-IDF + logistic regression on dev's contrast pairs, accuracy | {f['giveaway']['pairs']:.3f} | {PAIR_ACCURACY:.2f} |",
            f"| highest share of one label among uses of one word ({WORD_USES} uses or more) | {f['giveaway']['words'][0]['share']:.3f} "
            f"({f['giveaway']['words'][0]['word']}) | {WORD_SHARE:.2f} |",
            f"| near-duplicates across splits (Jaccard of character 5-grams {NEAR_DUPLICATE} or more) | {f['near_duplicates']} | 0 |",
            "",
            "Words that tell most about a label (pointwise mutual information in bits, share of that label, uses): "
            + ", ".join(f"{w['word']} -> {w['label']} ({w['pmi']:.2f}, {100 * w['share']:.0f} %, {w['uses']})" for w in f["giveaway"]["words"][:12])
            + ".",
        ]
        lines += ["", *(f"PROBLEM: {problem}" for problem in self.problems)] if self.problems else ["", "All checks hold."]
        return "\n".join(lines) + "\n"


def check_corpus(minimum: int = 0) -> CorpusCheck:
    """Check the shipped corpus: schema, twins, readings, splits, agreement, give-aways.

    Args:
        minimum: How many statements there have to be at least.

    Returns:
        The figures, and what fails.
    """
    splits = corpus_rows()
    rows = [{**row, "split": split} for split in SPLITS for row in splits[split]]
    figures = _counts(rows, splits)
    figures["agreement"] = _agreement(rows)
    figures["near_duplicates"], examples = near_duplicates([row["text"] for row in rows], [row["split"] for row in rows])
    words = telling_words(rows)
    figures["giveaway"] = {
        "surface": surface_accuracy(rows),
        "speaker": speaker_accuracy(rows),
        "pairs": pair_accuracy(splits["dev"]),
        "words": words[:30],
    }
    problems = _schema(rows)
    if len(rows) < minimum:
        problems.append(f"{len(rows)} statements, expected at least {minimum}")
    overall = {label: figures["labels"][label] / len(rows) for label in LABELS}
    for split, row in figures["splits"].items():
        for label in LABELS:
            if abs(row["labels"][label] - overall[label]) > SHARE_MARGIN:
                problems.append(f"{split}: {label} has {row['labels'][label]:.3f} of the statements, {overall[label]:.3f} of all")
    for name in ("surface", "speaker"):
        if figures["giveaway"][name] > 1 / 3 + CHANCE_MARGIN:
            problems.append(f"labels can be told by {name}: balanced accuracy {figures['giveaway'][name]:.3f}")
    if figures["giveaway"]["pairs"] > PAIR_ACCURACY:
        problems.append(f"labels of dev's contrast pairs can be told by words: accuracy {figures['giveaway']['pairs']:.3f}")
    problems += [f"{w['word']!r} predicts {w['label']} in {w['share']:.3f} of {w['uses']} uses" for w in words if w["share"] > WORD_SHARE]
    if figures["near_duplicates"]:
        problems.append(f"near-duplicates across splits: {', '.join(examples[:5])}")
    if figures["agreement"]["alpha"] < ALPHA:
        problems.append(f"alpha is {figures['agreement']['alpha']:.3f}")
    problems += [f"alpha of rule {rule} is {value:.3f}" for rule, value in figures["agreement"]["rules"].items() if value < RULE_ALPHA]
    return CorpusCheck(figures, tuple(problems))


def _counts(rows: list[dict[str, Any]], splits: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    lengths = [len(row["text"].split()) for row in rows]
    return {
        "n_statements": len(rows),
        "n_matters": len({row["matter"] for row in rows}),
        "n_pairs": sum(row["twin"] is not None for row in rows) // 2,
        "n_attributed": sum(bool(row["attributed"]) for row in rows),
        "with_context": sum(bool(row["context"]) for row in rows) / len(rows),
        "words": {"median": statistics.median(lengths), "min": min(lengths), "max": max(lengths)},
        "labels": {label: sum(row["label"] == label for row in rows) for label in LABELS},
        "kinds": {kind: sum(row["kind"] == kind for row in rows) for kind in KINDS},
        "styles": {style: sum(row["style"] == style for row in rows) for style in STYLES},
        "rules": {rule: sum(row["rule"] == rule for row in rows) for rule in range(N_RULES + 1)},
        "matter_types": dict(sorted(Counter(row["matter_type"] for row in rows).items())),
        "splits": {
            split: {
                "n_matters": len({row["matter"] for row in found}),
                "n_statements": len(found),
                "share": len(found) / len(rows),
                "labels": {label: sum(row["label"] == label for row in found) / max(1, len(found)) for label in LABELS},
            }
            for split, found in splits.items()
        },
    }


def _agreement(rows: list[dict[str, Any]]) -> dict[str, Any]:
    pairs = [(LABEL_TO_ID[row["readings"][0]], LABEL_TO_ID[row["readings"][1]]) for row in rows]
    by_rule: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row, pair in zip(rows, pairs, strict=True):
        by_rule[row["rule"]].append(pair)
    return {
        "alpha": krippendorff_alpha(pairs),
        "n_disagreements": sum(a != b for a, b in pairs),
        "labels": {label: krippendorff_alpha([(a == i, b == i) for a, b in pairs]) for i, label in enumerate(LABELS)},
        "rules": {rule: krippendorff_alpha(by_rule[rule]) for rule in sorted(by_rule)},
    }


def _schema(rows: list[dict[str, Any]]) -> list[str]:
    """One line for each row that breaks the format."""
    problems = []
    by_id = {row["id"]: row for row in rows}
    if len(by_id) < len(rows):
        problems.append(f"{len(rows) - len(by_id)} ids stand twice")
    seen: dict[str, dict[str, Any]] = {}
    for row in rows:
        twin, first, second = row["twin"], row["readings"][0], row["readings"][1]
        wrong = {
            "fields": set(FIELDS) - set(row),
            "empty or padded text": not row["text"] or row["text"] != row["text"].strip(),
            "length": not 5 <= len(row["text"].split()) <= 90,
            "label": row["label"] not in LABELS,
            "kind": row["kind"] not in KINDS,
            "style": row["style"] not in STYLES,
            "rule": row["rule"] not in range(N_RULES + 1),
            "id": not row["id"].startswith(row["matter"] + "-"),
            "place in context": row["context"] and row["context"].count(STATEMENT_SLOT) != 1,
            "odd characters": re.search(r"[\u200b-\u200f\ufeff\ufffd\x00-\x1f]", row["text"] + row["context"] + row["speaker"]),
            "outer quotation marks": row["kind"] == "direct" and re.fullmatch(r"[\"“][^\"“”]*[\"”]", row["text"]),
            "marks in an indirect statement": row["kind"] == "indirect" and re.search(r"[\"“”]", row["text"]),
            "attributed": any(set(a) != {"holder", "label"} or a["label"] not in LABELS or not a["holder"] for a in row["attributed"]),
            "twin": twin and (twin not in by_id or by_id[twin]["twin"] != row["id"] or by_id[twin]["label"] == row["label"]),
            "twin in another split": twin in by_id and by_id[twin]["split"] != row["split"],
            "readings": first != second and (row["readings"][2:] != [row["label"]] or not row["settled"]),
            "label against two equal readings": first == second != row["label"],
        }
        problems += [f"{row['id']}: {what}" for what, found in wrong.items() if found]
        same = seen.setdefault(normalize(row["text"]), row)
        if same is not row and not (twin == same["id"] and row["context"] != same["context"]):
            problems.append(f"{row['id']}: same text as {same['id']}")
    return problems


def near_duplicates(texts: Sequence[str], groups: Sequence[str]) -> tuple[int, list[str]]:
    """Find texts of different groups whose character 5-grams overlap by the limit or more.

    Args:
        texts: n texts.
        groups: n group names.

    Returns:
        How many pairs, and the texts of the first few.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    grams = CountVectorizer(analyzer="char", ngram_range=(5, 5), binary=True, preprocessor=normalize).fit_transform(texts).astype(np.int32)
    sizes = np.asarray(grams.sum(axis=1)).ravel()
    groups_ = np.asarray(groups)
    count, examples = 0, []
    for start in range(0, len(texts), 500):
        common = (grams[start : start + 500] @ grams.T).tocoo()
        left, right = common.row + start, common.col
        jaccard = common.data / (sizes[left] + sizes[right] - common.data)
        hits = (jaccard >= NEAR_DUPLICATE) & (left < right) & (groups_[left] != groups_[right])
        count += int(hits.sum())
        examples += [f"{texts[i][:50]!r} / {texts[j][:50]!r}" for i, j in zip(left[hits], right[hits], strict=True)]
    return count, examples


def surface_accuracy(rows: list[dict[str, Any]]) -> float:
    """Balanced accuracy of boosted trees on length and punctuation, by cross-validation over matters."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    marks = ",.;:?!\"'—-()%"

    def features(row: dict[str, Any]) -> list[float]:
        text, context = row["text"], row["context"]
        return [
            len(text),
            len(text.split()),
            len(context),
            *(text.count(mark) for mark in marks),
            sum(c.isdigit() for c in text),
            sum(c.isupper() for c in text),
            KINDS.index(row["kind"]),
        ]

    return _cross_validated(HistGradientBoostingClassifier(max_iter=80, max_depth=4, random_state=0), np.array([features(row) for row in rows]), rows)


def speaker_accuracy(rows: list[dict[str, Any]]) -> float:
    """Balanced accuracy of TF-IDF and logistic regression on the speaker field, by cross-validation over matters."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    classifier = make_pipeline(TfidfVectorizer(min_df=2), LogisticRegression(class_weight="balanced", max_iter=1000))
    return _cross_validated(classifier, np.array([row["speaker"] or "none" for row in rows]), rows)


def _cross_validated(classifier: Any, features: Any, rows: list[dict[str, Any]]) -> float:  # noqa: ANN401 - scikit-learn is not typed
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import GroupKFold, cross_val_predict

    labels = np.array([LABEL_TO_ID[row["label"]] for row in rows])
    groups = np.array([row["matter"] for row in rows])
    predicted = cross_val_predict(classifier, features, labels, groups=groups, cv=GroupKFold(5))
    return float(balanced_accuracy_score(labels, predicted))


def pair_accuracy(rows: list[dict[str, Any]]) -> float:
    """Accuracy of TF-IDF and logistic regression, fitted on train, on the statements of contrast pairs."""
    paired = {row["id"] for row in rows if row["twin"]}
    examples = [example for example in read_examples("corpus", split="dev") if example.id in paired]
    predicted = tfidf(read_examples("corpus", split="train"), examples).argmax(axis=1)
    return float(np.mean(predicted == [LABEL_TO_ID[str(example.label)] for example in examples]))


def telling_words(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Words used in enough statements, with the label that they tell most about, the most telling first.

    Args:
        rows: The corpus.

    Returns:
        `word`, `label`, `pmi` (bits), `share` (of the word's uses that have the label) and `uses`.
    """
    uses: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for word in set(re.findall(r"[a-z']+", row["text"].lower())):
            uses[word][row["label"]] += 1
    base: dict[str, float] = {label: sum(row["label"] == label for row in rows) / len(rows) for label in LABELS}
    found = []
    for word, counts in uses.items():
        total = sum(counts.values())
        if total >= WORD_USES:
            label, count = max(counts.items(), key=lambda item: item[1] / base[item[0]])
            found.append({"word": word, "label": label, "pmi": math.log2(count / total / base[label]), "share": count / total, "uses": total})
    return sorted(found, key=lambda item: -item["share"])
