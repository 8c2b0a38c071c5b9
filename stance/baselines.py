"""What a user could have without us: majority, keyword lexicon, TF-IDF with logistic regression.

Comes in: training examples (the lexicon needs none) and the rows to label. Goes out: probabilities in the order of `LABELS`.
Every evaluation shows them on the same rows as the model, since a score alone says little.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stance.labels import LABEL_TO_ID, LABELS
from stance.records import Example

_TALK = r"talks?|negotiat\w*|dialogue|table|diploma\w*|mediat\w*|compromise|settlement|peace process|summit|meeting|ceasefire|truce"
_FOR = re.compile(
    rf"\b(?:ready|willing|open|urge[sd]?|welcome[sd]?|hope[sd]?|call(?:s|ed)? (?:for|on)|agree[sd]?|resum\w*|return|committed|offer(?:s|ed)?|"
    rf"invit\w*|accept\w*|support\w*|should|must)\b[^.]{{0,60}}\b(?:{_TALK})\b|\b(?:{_TALK})\b[^.]{{0,40}}\b(?:only way|welcome|needed|best|resume|continue)\b",
    re.I,
)
_AGAINST = re.compile(
    rf"\b(?:no|not|never|refus\w*|reject\w*|rul\w* out|won't|cannot|can't|will not|pointless|useless|waste|boycott\w*|suspend\w*|break\w* off|"
    rf"pull\w* out|withdr\w*|nothing to)\b[^.]{{0,50}}\b(?:{_TALK})\b|\b(?:{_TALK})\b[^.]{{0,40}}\b(?:pointless|useless|waste|over|dead|off|impossible|trap)\b|"
    r"\b(?:appease\w*|surrender|only understand|by force)\b",
    re.I,
)


def majority(train: Sequence[Example], rows: Sequence[Example]) -> NDArray[np.float64]:
    """Give every row the label shares of the training examples, so that their majority is predicted."""
    counts = np.bincount([LABEL_TO_ID[str(example.label)] for example in train], minlength=len(LABELS)).astype(float)
    return np.tile(counts / counts.sum(), (len(rows), 1))


def lexicon(train: Sequence[Example], rows: Sequence[Example]) -> NDArray[np.float64]:
    """Label by fixed phrases for and against talking; neutral where neither or both are found. Learns nothing."""
    prob = np.full((len(rows), len(LABELS)), 0.1)
    for i, example in enumerate(rows):
        pro, contra = bool(_FOR.search(example.text)), bool(_AGAINST.search(example.text))
        label = "oppose" if contra else "support" if pro else "neutral"
        prob[i, LABEL_TO_ID[label]] = 0.8
    return prob


def tfidf(train: Sequence[Example], rows: Sequence[Example]) -> NDArray[np.float64]:
    """Fit TF-IDF of word 1- and 2-grams with balanced logistic regression on the statements alone."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    labels = [LABEL_TO_ID[str(example.label)] for example in train]
    classifier = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10.0, class_weight="balanced", max_iter=2000))
    classifier.fit([example.text for example in train], labels)
    prob = np.zeros((len(rows), len(LABELS)))
    prob[:, classifier[-1].classes_] = classifier.predict_proba([example.text for example in rows])
    return prob


BASELINES = {"majority": majority, "keyword lexicon": lexicon, "TF-IDF + logistic regression": tfidf}
