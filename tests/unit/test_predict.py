import pytest

import stance
from stance.errors import EmptyTextError, InputError, ModelNotFoundError
from stance.labels import LABELS


def test_one_in_one_out_and_n_in_n_out(tiny_model):
    texts = ["we will talk", "never the table", "rain"]
    one = stance.predict(texts[0], model=tiny_model)
    many = stance.predict(texts, model=tiny_model)
    assert isinstance(one, stance.Prediction) and isinstance(many, list)
    assert one.label == many[0].label and one.confidence == pytest.approx(many[0].confidence)
    assert [p.label for p in many] == [stance.predict(text, model=tiny_model).label for text in texts]
    assert stance.predict((text for text in texts), model=tiny_model) == many


def test_nothing_in_nothing_out(tiny_model):
    assert stance.predict([], model=tiny_model) == []


def test_probabilities_sum_to_one_and_the_label_is_the_highest(tiny_model):
    for p in stance.predict(["we will talk", "no", "rain"], model=tiny_model):
        assert tuple(p.probabilities) == LABELS
        assert sum(p.probabilities.values()) == pytest.approx(1)
        assert p.probabilities[p.label] == p.confidence == max(p.probabilities.values())


def test_broken_unicode_is_read(tiny_model):
    assert stance.predict("we talk \ud83d now", model=tiny_model).label


def test_abstaining_leaves_the_label_out_and_the_probabilities_in(tiny_model):
    [p] = stance.predict(["we will talk"], model=tiny_model, min_confidence=1.0)
    assert p.abstained and p.label is None and sum(p.probabilities.values()) == pytest.approx(1)


def test_speakers_and_contexts_are_one_for_all_or_one_each(tiny_model):
    texts = ["we will talk", "we will talk"]
    same = stance.predict(texts, speaker="they", context="rain [...]", model=tiny_model)
    each = stance.predict(texts, speaker=["they", None], context=["rain [...]", None], model=tiny_model)
    assert same[0].probabilities == pytest.approx(same[1].probabilities)
    assert each[0].probabilities == pytest.approx(same[0].probabilities)
    assert each[1].probabilities != pytest.approx(same[1].probabilities)


def test_an_empty_statement_is_named_before_a_model_is_loaded():
    with pytest.raises(EmptyTextError, match=r"^statement 17 of 40 holds no words \(found '  \\n'\)\. Remove it, or label it yourself\.$"):
        stance.predict(["fine"] * 17 + ["  \n"] + ["fine"] * 22, model="nosuch")
    with pytest.raises(EmptyTextError, match=r"^statement holds no words \(found ''\)\. Remove it, or label it yourself\.$"):
        stance.predict("", model="nosuch")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"statements": ["a", "b"], "speaker": ["x"]},
            r"^found 1 speakers for 2 statements\. Pass one string for all, or one for each \(None where unknown\)\.$",
        ),
        ({"statements": ["a"], "context": []}, r"^found 0 contexts for 1 statements\."),
        ({"statements": ["a", 3]}, r"^statement 1 of 2 is a int, expected a string\. Pass its text\.$"),
        ({"statements": "a", "batch_size": 0}, r"^batch_size is 0, expected at least 1\.$"),
        ({"statements": "a", "min_confidence": 2.0}, r"^min_confidence is 2\.0, expected 0 to 1\.$"),
        ({"statements": "a", "max_risk": 0.0}, r"^max_risk is 0\.0, expected more than 0 and less than 1\.$"),
    ],
)
def test_wrong_calls_are_named(arguments, message, tiny_model):
    with pytest.raises(InputError, match=message):
        stance.predict(**arguments, model=tiny_model)


def test_an_unknown_model_is_named():
    with pytest.raises(ModelNotFoundError, match=r"^nosuch: is neither"):
        stance.predict("fine", model="nosuch")


def test_a_risk_is_kept_by_abstaining(tiny_model):
    from stance.calibration import Calibration

    model = stance.load(tiny_model)
    kept = model.calibration
    try:
        model.calibration = Calibration(1.0, 100, {"0.05": 2.0, "0.3": 0.0})
        assert stance.predict("we will talk", model=model, max_risk=0.05).label is None
        assert stance.predict("we will talk", model=model, max_risk=0.3).label is not None
        assert stance.predict("we will talk", model=model, max_risk=0.3, min_confidence=1.0).abstained
        model.calibration = None
        with pytest.raises(InputError, match="has no threshold so low"):
            stance.predict("we will talk", model=model, max_risk=0.3)
    finally:
        model.calibration = kept
