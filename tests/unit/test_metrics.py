import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.metrics import f1_score

from stance.calibration import Calibration, fit_temperature, fit_thresholds, softmax
from stance.errors import InputError
from stance.metrics import bootstrap, corrected_shares, expected_calibration_error, macro_f1, mcnemar, permutation_test, risk_coverage, score, share_intervals

RNG = np.random.default_rng(0)
TRUE = RNG.integers(3, size=200)
PROB = softmax(RNG.normal(size=(200, 3)) + 1.5 * np.eye(3)[TRUE])


def test_scores_agree_with_scikit_learn():
    found = score(TRUE, PROB)
    pred = PROB.argmax(axis=1)
    assert found["macro_f1"] == pytest.approx(f1_score(TRUE, pred, average="macro"), abs=1e-12)
    assert found["f1_support_oppose"] == pytest.approx(f1_score(TRUE, pred, labels=[0, 1], average="macro"), abs=1e-12)
    assert np.sum(found["confusion"]) == found["n_examples"] == 200
    assert macro_f1(TRUE, pred) == found["macro_f1"]


def test_a_worked_example_by_hand():
    # gold: support support oppose neutral; predicted: support oppose oppose neutral
    prob = np.array([[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]])
    found = score([0, 0, 1, 2], prob)
    assert found["accuracy"] == 0.75
    assert found["per_label"]["support"]["f1"] == pytest.approx(2 / 3)
    assert found["per_label"]["oppose"]["f1"] == pytest.approx(2 / 3)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    # bins hold (0.8, 0.8 | right, right), (0.6 | wrong), (1.0 | right): (2*0.2 + 0.6 + 0) / 4
    assert found["ece"] == pytest.approx(0.25)
    assert found["brier"] == pytest.approx((0.06 + 0.86 + 0.06 + 0) / 4)


def test_a_label_that_never_occurs_counts_zero_and_does_not_warn():
    assert macro_f1([0, 0], [0, 0]) == pytest.approx(1 / 3)


def test_perfect_confidence_in_right_answers_is_calibrated():
    assert expected_calibration_error(TRUE, np.eye(3)[TRUE]) == 0.0
    assert expected_calibration_error(TRUE, np.eye(3)[(TRUE + 1) % 3]) == 1.0


def test_bootstrap_scores_are_those_of_the_resampled_rows():
    pred = PROB.argmax(axis=1)
    one_cluster = bootstrap(TRUE, pred, ["m"] * 200, n_resamples=5)
    assert np.allclose(one_cluster.scores["macro_f1"], macro_f1(TRUE, pred))
    low, high = bootstrap(TRUE, pred).intervals()["macro_f1"]
    assert low < macro_f1(TRUE, pred) < high


def test_clusters_of_like_rows_widen_the_interval():
    true = np.repeat(TRUE[:20], 10)
    pred = np.repeat(PROB[:20].argmax(axis=1), 10)
    clusters = [str(i) for i in np.repeat(np.arange(20), 10)]
    narrow, wide = bootstrap(true, pred).intervals()["accuracy"], bootstrap(true, pred, clusters).intervals()["accuracy"]
    assert wide[1] - wide[0] > 1.5 * (narrow[1] - narrow[0])


def test_the_same_seed_gives_the_same_interval():
    pred = PROB.argmax(axis=1)
    assert bootstrap(TRUE, pred, seed=1).intervals() == bootstrap(TRUE, pred, seed=1).intervals()


def test_temperature_undoes_a_known_scaling(tmp_path):
    logits = RNG.normal(size=(4000, 3))
    true = np.array([RNG.choice(3, p=p) for p in softmax(logits)])
    fitted = fit_temperature(4.0 * logits, true)
    assert fitted.temperature == pytest.approx(4.0, rel=0.1)
    assert (fitted.probabilities(logits).argmax(axis=1) == logits.argmax(axis=1)).all()
    fitted.save(tmp_path)
    assert Calibration.load(tmp_path) == fitted


def test_our_metric_loads_through_evaluate_without_a_network():
    from stance.tasks import metric_module

    found = metric_module().compute(predictions=PROB.tolist(), references=TRUE.tolist())
    assert found["macro_f1"] == pytest.approx(score(TRUE, PROB)["macro_f1"], abs=1e-12)


def test_alpha_of_a_worked_example():
    # Two readers, ten units, nominal: Krippendorff 2011, section A, gives 0.095 for these data.
    one = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    other = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    from stance.metrics import krippendorff_alpha

    assert krippendorff_alpha(list(zip(one, other, strict=True))) == pytest.approx(0.095, abs=5e-4)
    assert krippendorff_alpha([(0, 0), (1, 1), (2, None)]) == 1.0
    assert krippendorff_alpha([(0, 0), (0, 0)]) == 1.0
    assert np.isnan(krippendorff_alpha([(0, None)]))


def test_thresholds_keep_to_their_risk_on_the_rows_they_were_fitted_on():
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.34, 1.0, 500).round(2)  # many are equal: they stand or fall together
    true = np.where(rng.uniform(size=500) < confidence, 0, 1)
    prob = np.column_stack([confidence, (1 - confidence) / 2, (1 - confidence) / 2])
    thresholds = fit_thresholds(prob, true)
    for risk, threshold in thresholds.items():
        given = confidence >= threshold
        if threshold <= 1:
            assert (true[given] != 0).mean() <= float(risk)
            assert given.sum() >= 20
    given = [(confidence >= t).sum() for t in thresholds.values()]
    assert given == sorted(given) and given[-1] > given[0]


def test_a_risk_that_no_confidence_keeps_to_gives_no_label():
    prob = np.tile([0.6, 0.3, 0.1], (50, 1))
    assert set(fit_thresholds(prob, np.ones(50, dtype=int)).values()) == {2.0}
    assert set(fit_thresholds(prob, np.zeros(50, dtype=int)).values()) == {0.6}


def test_a_threshold_is_that_of_the_next_lower_level():
    calibration = Calibration(1.0, 100, {"0.05": 0.9, "0.1": 0.8})
    assert [calibration.threshold(risk) for risk in (0.05, 0.07, 0.1, 0.5)] == [0.9, 0.9, 0.8, 0.8]
    with pytest.raises(InputError, match=r"^max_risk is 0\.01, and the model's calibration\.json has no threshold so low \(it has 0\.05, 0\.1\)"):
        calibration.threshold(0.01)


def test_risk_falls_where_the_model_is_right_when_it_is_sure():
    gold = [0, 1, 2, 0]
    prob = [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.5, 0.1, 0.4], [0.4, 0.3, 0.3]]  # the third is wrong, and third in confidence
    found = risk_coverage(gold, prob, (0.25, 0.5, 0.75, 1.0))
    assert found["coverage"] == [0.25, 0.5, 0.75, 1.0]
    assert found["risk"] == pytest.approx([0, 0, 1 / 3, 1 / 4])
    assert found["aurc"] == pytest.approx((0 + 0 + 1 / 3 + 1 / 4) / 4)


def test_with_everything_answered_the_risk_is_one_minus_accuracy():
    draw = np.random.default_rng(1)
    gold, prob = draw.integers(3, size=200), draw.dirichlet([1, 1, 1], size=200)
    assert risk_coverage(gold, prob)["risk"][-1] == pytest.approx(1 - score(gold, prob)["accuracy"])


def simulated(draw, n_clusters=40, better=0.0):
    """Two systems on clusters of statements that are right or wrong together; the second is `better` by that much."""
    gold, first, second, clusters = [], [], [], []
    for cluster in range(n_clusters):
        hard = draw.normal(0, 0.15)
        for _ in range(8):
            label = int(draw.integers(3))
            gold.append(label)
            clusters.append(f"m{cluster}")
            for predicted, skill in ((first, 0.7), (second, 0.7 + better)):
                predicted.append(label if draw.random() < np.clip(skill + hard, 0, 1) else int((label + draw.integers(1, 3)) % 3))
    return np.array(gold), np.array(first), np.array(second), clusters


def test_p_values_are_uniform_where_two_systems_are_equally_good():
    draw = np.random.default_rng(7)
    found = []
    for i in range(400):
        gold, first, second, clusters = simulated(draw)
        found.append(permutation_test(gold, first, second, clusters, n_resamples=200, seed=i))
    assert kstest(found, "uniform").pvalue > 0.01
    assert 0.02 <= np.mean(np.array(found) <= 0.05) <= 0.08


def test_a_real_difference_is_found_and_the_sides_are_alike():
    gold, first, second, clusters = simulated(np.random.default_rng(8), better=0.2)
    p = permutation_test(gold, first, second, clusters, n_resamples=1000)
    assert p < 0.01 and p == permutation_test(gold, second, first, clusters, n_resamples=1000)
    assert permutation_test(gold, first, first, clusters, n_resamples=100) == 1


def test_intervals_of_the_bootstrap_cover_the_truth():
    draw = np.random.default_rng(9)
    gold, first, _, _ = simulated(draw, n_clusters=20_000)
    truth = score(gold, np.eye(3)[first])["macro_f1"]
    hits = 0
    for i in range(1000):
        gold, first, _, clusters = simulated(draw, n_clusters=60)
        low, high = bootstrap(gold, first, clusters, n_resamples=400, seed=i).intervals()["macro_f1"]
        hits += low <= truth <= high
    assert 930 <= hits <= 970


def test_mcnemar_by_hand():
    gold = [0] * 20
    first = [0] * 9 + [1] * 1 + [0] * 10  # alone right in 9, alone wrong in 1
    second = [1] * 9 + [0] * 1 + [0] * 10
    found = mcnemar(gold, first, second)
    assert (found["only_first"], found["only_second"]) == (9, 1)
    assert found["p"] == pytest.approx(2 * (1 + 10) / 2**10)  # P(at most 1 of 10 heads), two-sided
    assert mcnemar(gold, first, first)["p"] == 1


CONFUSION = np.array([[160, 10, 30], [8, 80, 12], [30, 20, 250]])


def test_the_correction_by_hand():
    errors = CONFUSION / CONFUSION.sum(axis=1, keepdims=True)
    shares = np.array([0.2, 0.3, 0.5])
    assert corrected_shares(1000 * shares @ errors, CONFUSION, n_steps=5000) == pytest.approx(shares, abs=1e-6)
    assert corrected_shares([5, 3, 2], np.eye(3)) == pytest.approx([0.5, 0.3, 0.2])  # a model that never errs needs none
    found = corrected_shares([[100, 0, 0], [0, 0, 7]], CONFUSION)
    assert found.shape == (2, 3) and found.sum(axis=1) == pytest.approx([1, 1]) and (found >= 0).all()


def test_intervals_of_corrected_shares_cover_the_truth_and_the_raw_share_does_not():
    draw = np.random.default_rng(3)
    errors = np.array([[0.75, 0.07, 0.18], [0.10, 0.70, 0.20], [0.16, 0.09, 0.75]])
    truth = np.array([0.25, 0.10, 0.65])
    covered, raw_covered = np.zeros(3), np.zeros(3)
    for i in range(1000):
        confusion = np.array([draw.multinomial(n, row) for n, row in zip((140, 100, 320), errors, strict=True)])
        counts = np.zeros((120, 3))
        for article in range(120):  # statements of an article are alike
            of_article = draw.dirichlet(8 * truth)
            counts[article] = draw.multinomial(draw.integers(1, 9), of_article @ errors)
        low, high = share_intervals(counts, confusion, n_resamples=400, seed=i)
        covered += (low <= truth) & (truth <= high)
        plain = [share_intervals(counts, 1000 * np.eye(3, dtype=int), n_resamples=100, seed=i)] if i < 100 else []
        for low, high in plain:
            raw_covered += (low <= truth) & (truth <= high)
    assert ((930 <= covered) & (covered <= 970)).all(), covered
    assert raw_covered.min() < 60  # of 100
