"""What a training run learns: stances of statements, or the tags of quotes.

Comes in: a config. Goes out: a task with its data read and checked, a transformers `Trainer` set up for it, its scores on
dev and its checkpoint files. `training` runs it; it knows nothing of stances or quotes.
"""

import hashlib
import importlib.util
import os
import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stance.calibration import fit_temperature, softmax
from stance.config import Config, TrainingConfig
from stance.corpora import CORPUS, REAL, REAL_DEV, fingerprint, other_targets, read_examples, read_real_statements
from stance.encoding import encode
from stance.errors import ConfigError, InputError, MissingExtraError
from stance.labels import LABEL_TO_ID, LABELS
from stance.metrics import score
from stance.modeling import average_weights, load, load_tagger, new_model, new_tagger, quiet, round_weights, save_tagger
from stance.quotes.learning import AnnotatedArticle, collate_labelled, labelled_windows, learner, read_articles, span_scores
from stance.quotes.passages import sentences
from stance.records import DEFAULT_TARGET, STATEMENT_SLOT, Example
from stance.splits import check_no_leak, normalize, split_examples

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, Trainer


TAUGHT_FILE = "taught.npy"


def is_first_process() -> bool:
    """Whether this is the one process that writes: of several (torchrun, accelerate launch) the first."""
    return os.environ.get("RANK", "0") == "0"


class Task(Protocol):
    """What `training.train` needs of a task.

    Attributes:
        data: For train and dev: where they come from, how many there are and the sha256 of them.
    """

    data: dict[str, dict[str, Any]]

    def trainer(self, folder: Path, *, progress: bool) -> "Trainer":
        """Set up a `Trainer` that keeps its states in a folder and chooses by `eval_macro_f1`."""

    def measure(self) -> dict[str, Any]:
        """Score the trained network on dev, with a `macro_f1`."""

    def save(self, folder: Path) -> None:
        """Write the checkpoint's own files into a new folder."""


def new_task(settings: Config) -> Task:
    """Read the data of the task that a config names.

    Args:
        settings: The config.

    Returns:
        The task.

    Raises:
        InputError: The data cannot be read.
        SplitLeakError: Train and dev share something.
    """
    return QuoteTask(settings) if settings.task == "quotes" else StanceTask(settings)


class StanceTask:
    """Examples -> a classifier of three labels."""

    def __init__(self, settings: Config) -> None:
        """Read train and dev, and refuse what leaks between them."""
        self.settings = settings
        self.train, self.dev = load_splits(settings)
        check_no_leak(self.train, self.dev)
        if settings.distill.teachers and settings.data.dev is None:
            raise ConfigError("config", "distill", "needs data.dev: rows split off here may be among those that a teacher learned from.")
        if settings.data.other_targets and not settings.model.use_target:
            raise ConfigError("config", "data.other_targets", "the model does not read the target (model.use_target). Leave it at 0.")
        if settings.data.hide_share and not (settings.model.use_speaker or settings.model.use_context):
            raise ConfigError("config", "data.hide_share", "the model reads neither speaker nor context. Leave it at 0.")
        self.asked = list(self.train)  # a teacher is asked about each as it was
        self.train = _under_other_targets(self.train, settings.data.other_targets, settings.training.seed)
        self.data = {
            "train": _facts(settings.data.train, self.train),
            "dev": _facts(settings.data.dev or f"split off {settings.data.train}", self.dev),
        }
        if settings.data.real is not None:
            self.data["real"] = _facts("part of train", [example for example in self.train if example.matter == REAL])
            self.data["real_dev"] = _facts("part of dev", [example for example in self.dev if example.matter == REAL_DEV])
        if settings.distill.unlabelled is not None:
            if not settings.distill.teachers:
                raise ConfigError("task stance", "distill.unlabelled", "statements without a label need distill.teachers. Name some.")
            bare = _apart(read_real_statements(settings.distill.unlabelled, labelled=False), self.dev)
            if settings.distill.neighbours:  # none of an article that dev has a part of
                bare += _neighbours([*bare, *_apart([example for example in self.train if example.matter == REAL], self.dev)])
            bare = _without(_unseen(bare, [*self.train, *self.dev]), self.dev)
            self.train, self.asked = [*self.train, *bare], [*self.asked, *bare]
            self.data["unlabelled"] = _facts(settings.distill.unlabelled, [example for example in self.train if example.label is None])

    def trainer(self, folder: Path, *, progress: bool) -> "Trainer":
        """Set up transformers' Trainer."""
        from datasets import Dataset
        from transformers import DataCollatorWithPadding, Trainer

        _prepare(self.settings)
        options, data = self.settings.training, self.settings.data
        taught, self.train = self._without_many_neutral(self._taught(folder))
        self.model = model = new_model(self.settings.model)
        _set_up(model.network, options)

        def dataset(examples: list[Example], targets: NDArray[np.float64]) -> Dataset:
            features = encode(examples, model.reader, self.settings.model).features
            return Dataset.from_list([{**feature, "labels": target} for feature, target in zip(features, targets.tolist(), strict=True)])

        network = _low_rank(model.network, self.settings.model.lora_rank) if self.settings.model.lora_rank else model.network
        self.trained = network
        shown = _hidden(_as_printed(self.train, data.as_printed, options.seed), data.hide_share, options.seed)
        return _trainer(
            Trainer,
            self.settings,
            folder,
            len(self.train),
            progress=progress,
            model=network,
            train_dataset=dataset(shown, taught),
            eval_dataset=dataset(self.dev, _one_hot(self.dev)),
            processing_class=model.tokenizer,
            data_collator=DataCollatorWithPadding(model.tokenizer),
            compute_loss_func=_loss(_class_weights(self.train) if options.class_weights else None, options.label_smoothing),
            compute_metrics=_compute_metrics,
        )

    def _taught(self, folder: Path) -> NDArray[np.float64]:
        """What each training statement should give, shape (n_examples, n_labels): its label and its teachers' view, weighed."""
        targets, settings = _one_hot(self.train), self.settings.distill
        if not settings.teachers:
            return targets
        kept, writes = folder / TAUGHT_FILE, is_first_process()
        if kept.exists() and writes:  # a teacher is slow: a run that resumes does not ask again
            found = np.load(kept)
        else:
            found = np.mean([load(teacher, "torch").predict_proba(self.asked) for teacher in settings.teachers], axis=0)
            if writes:
                folder.mkdir(parents=True, exist_ok=True)
                np.save(folder / "asked.npy", found)
                os.replace(folder / "asked.npy", kept)
        # Toward an unrelated target the label is what we say it is; the teacher was asked about the usual one.
        weights = [1.0 if not shown.label else settings.weight * (shown.label == asked.label) for shown, asked in zip(self.train, self.asked, strict=True)]
        given = np.array(weights)[:, None]
        mixed: NDArray[np.float64] = given * found + (1 - given) * targets
        return mixed

    def _without_many_neutral(self, taught: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[Example]]:
        """Leave out, by lot, what the teachers call neutral and has no label, where it is more than `distill.neutral_share` allows."""
        share = self.settings.distill.neutral_share
        bare = [i for i, example in enumerate(self.train) if example.label is None]
        neutral = [i for i in bare if taught[i].argmax() == LABEL_TO_ID["neutral"]]
        room = len(neutral) if share == 1 else min(len(neutral), round((len(bare) - len(neutral)) * share / (1 - share)))
        out = set(neutral) - set(random.Random(f"neutral {self.settings.training.seed}").sample(neutral, room))
        kept = [i for i in range(len(self.train)) if i not in out]
        return taught[kept], [self.train[i] for i in kept]

    def measure(self) -> dict[str, Any]:
        """Fit the temperature on dev, and score."""
        if self.settings.model.lora_rank:
            self.model.network = self.trained.merge_and_unload()
        self.model.network.eval()
        average_weights(self.model.network, [load(path, "torch").network for path in self.settings.training.average_with])
        round_weights(self.model.network, self.settings.training.save_dtype)
        logits, _ = self.model.logits(self.dev)
        gold = np.array([LABEL_TO_ID[str(example.label)] for example in self.dev])
        real = np.array([example.matter == REAL_DEV for example in self.dev])
        shown = real if real.any() else ~real
        confusion = score(gold[shown], softmax(logits[shown]))["confusion"]
        self.model.calibration = replace(fit_temperature(logits, gold), confusion=confusion)
        metrics: dict[str, Any] = score(gold, self.model.calibration.probabilities(logits))
        metrics["ece_uncalibrated"] = score(gold, softmax(logits))["ece"]
        return metrics

    def save(self, folder: Path) -> None:
        """Write weights, tokenizer, calibration and what the input holds."""
        with quiet():
            self.model.save_pretrained(folder, self.settings.training.save_dtype)


class QuoteTask:
    """Annotated articles -> a tagger of source, cue and content."""

    def __init__(self, settings: Config) -> None:
        """Read train and dev, and refuse an article that is in both."""
        self.settings = settings
        if settings.data.train_share < 1:
            raise ConfigError("task quotes", "data.train_share", "whole files of articles are read. Leave it at 1.")
        if settings.model.lora_rank:
            raise ConfigError("task quotes", "model.lora_rank", "taggers are trained whole. Leave it at 0.")
        for key in ("real", "hide_share", "other_targets"):
            if getattr(settings.data, key):
                raise ConfigError("task quotes", f"data.{key}", "is for statements, not for articles. Leave it out.")
        if settings.distill.teachers or settings.distill.unlabelled:
            raise ConfigError("task quotes", "distill", "taggers are not distilled. Leave it out.")
        if settings.data.train == CORPUS or settings.data.dev in (CORPUS, None):
            raise InputError("task quotes: data.train and data.dev must name files of annotated articles. scripts/read_polnear.py makes them.")
        self.train, self.dev = read_articles(settings.data.train), read_articles(str(settings.data.dev))
        shared = {article.text for article in self.train} & {article.text for article in self.dev}
        if shared:
            raise InputError(f"{settings.data.dev}: {len(shared)} articles are in {settings.data.train} too. Remove them from one of the two.")
        self.data = {
            name: {"source": source, "n_examples": len(articles), "sha256": _fingerprint(articles)}
            for name, source, articles in (("train", settings.data.train, self.train), ("dev", settings.data.dev, self.dev))
        }

    def trainer(self, folder: Path, *, progress: bool) -> "Trainer":
        """Set up transformers' Trainer; after every epoch whole articles are read and scored, not windows."""
        from transformers import Trainer

        _prepare(self.settings)
        self.tagger = tagger = new_tagger(self.settings.model)
        _set_up(tagger.network, self.settings.training)
        items = labelled_windows(self.train, tagger.reader, tagger.max_length, tagger.overlap)
        spans = self._spans

        class ArticleTrainer(Trainer):  # type: ignore[misc]
            def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:  # noqa: ANN401 - Trainer's own signature
                found = {f"eval_{name}": value for name, value in spans().items()}
                tagger.network.train()
                self.log(found)
                self.control: Any = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
                return found

        return _trainer(
            ArticleTrainer,
            self.settings,
            folder,
            len(items),
            progress=progress,
            model=learner(tagger),
            train_dataset=items,
            eval_dataset=self.dev,
            processing_class=tagger.tokenizer,
            data_collator=partial(collate_labelled, padding=tagger.tokenizer.pad_token_id),
        )

    def measure(self) -> dict[str, Any]:
        """Score exact spans on dev, of the weights as they will be saved."""
        average_weights(self.tagger.network, [load_tagger(path, "torch").network for path in self.settings.training.average_with])
        round_weights(self.tagger.network, self.settings.training.save_dtype)
        return self._spans()

    def _spans(self) -> dict[str, float]:
        self.tagger.network.eval()
        return span_scores(self.dev, self.tagger)

    def save(self, folder: Path) -> None:
        """Write weights and tokenizer."""
        with quiet():
            save_tagger(self.tagger, folder, self.settings.training.save_dtype)


def load_splits(settings: Config) -> tuple[list[Example], list[Example]]:
    """Read train and dev as a config names them; dev is split off train, by matter, where it names none."""
    options: dict[str, Any] = {"columns": settings.data.columns, "labels": settings.data.labels, "target": settings.data.target}
    train_examples = read_examples(settings.data.train, split="train", **_for(settings.data.train, options))
    if settings.data.dev is not None:
        dev = read_examples(settings.data.dev, split="dev", **_for(settings.data.dev, options))
    else:
        train_examples, dev = split_examples(train_examples, settings.data.dev_share, settings.training.seed)
    if settings.data.train_share < 1:
        _, train_examples = split_examples(train_examples, settings.data.train_share, settings.training.seed)
    if settings.data.real is not None:
        real = read_real_statements(settings.data.real)
        held = [_drawn(example.text) < settings.data.dev_share for example in real]
        learned = [example for example, out in zip(real, held, strict=True) if not out]
        train_examples = [*train_examples, *learned]
        dev = [*dev, *(replace(example, matter=REAL_DEV) for example in _apart([e for e, out in zip(real, held, strict=True) if out], learned))]
    missing = set(LABELS) - {str(example.label) for example in train_examples}
    if missing:
        raise InputError(f"{settings.data.train}: no training example is labelled {', '.join(sorted(missing))}. Each label needs some.")
    return train_examples, dev


def _low_rank(network: "PreTrainedModel", rank: int) -> Any:  # noqa: ANN401 - peft is optional
    """Freeze a network but for its head and low-rank updates of its matrices."""
    if importlib.util.find_spec("peft") is None:
        raise MissingExtraError("peft", "lora")
    import peft

    # What the encoder brings no weights for, and the pooler in front of the head, is trained whole.
    config = peft.LoraConfig(
        task_type="SEQ_CLS", r=rank, lora_alpha=2 * rank, target_modules="all-linear", exclude_modules=["pooler.dense"], modules_to_save=["pooler"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for a name that will go
        try:
            return peft.get_peft_model(network, config)
        except (TypeError, ValueError) as error:
            raise ConfigError("config", "model.lora_rank", f"peft cannot train a {type(network).__name__} so ({error}). Leave it at 0.") from error


def _drawn(text: str) -> float:
    """A number from 0 to 1 that the words of a text alone decide, so that whatever the seed the same statements are held out."""
    return int(hashlib.sha256(normalize(text).encode("utf-8", "replace")).hexdigest()[:8], 16) / 16**8


def _facts(source: str, examples: Sequence[Example]) -> dict[str, Any]:
    return {"source": source, "n_examples": len(examples), "sha256": fingerprint(examples)}


def _neighbours(examples: Sequence[Example], n_words: int = 7) -> list[Example]:
    """The whole sentences around some statements, each of at least so many words."""
    found = []
    for example in examples:
        spans = sentences(example.context)
        whole = [example.context[start:end] for start, end in spans[1:-1]]  # the first and the last may be cut
        found += [Example(text, matter=REAL) for text in whole if STATEMENT_SLOT not in text and len(text.split()) >= n_words]
    return found


def _unseen(examples: Sequence[Example], seen: Sequence[Example]) -> list[Example]:
    """Those whose text stands in none of the others, each text once."""
    texts = {normalize(example.text) for example in seen}
    kept = {normalize(example.text): example for example in examples}
    return [example for text, example in kept.items() if text not in texts]


def _without(examples: Sequence[Example], others: Sequence[Example], n_words: int = 4) -> list[Example]:
    """Those that hold no text of the others, and stand in none; texts of fewer words aside."""
    texts = [text for text in (normalize(other.text) for other in others) if len(text.split()) >= n_words]
    together = "\n".join(texts)

    def is_apart(text: str) -> bool:
        return not any(map(text.__contains__, texts)) and (len(text.split()) < n_words or text not in together)

    return [example for example in examples if is_apart(normalize(example.text))]


def _apart(examples: Sequence[Example], others: Sequence[Example], n_words: int = 12) -> list[Example]:
    """Those of which no run of so many words, context included, stands among the others: no neighbours out of the same article."""

    def runs(example: Example) -> set[tuple[str, ...]]:
        before, _, after = example.context.partition(STATEMENT_SLOT)
        words = normalize(f"{before} {example.text} {after}").split()
        return {tuple(words[i : i + n_words]) for i in range(len(words) - n_words + 1)}

    known = {run for other in others for run in runs(other)}
    return [example for example in examples if known.isdisjoint(runs(example))]


def _one_hot(examples: Sequence[Example]) -> NDArray[np.float64]:
    """The labels as probabilities, shape (n_examples, n_labels); zeros where there is none."""
    return np.array([[float(example.label == label) for label in LABELS] for example in examples])


def _under_other_targets(examples: list[Example], share: float, seed: int) -> list[Example]:
    """Show a share of the statements under another target, and call them neutral where it has nothing to do with negotiating."""
    draw, targets = random.Random(f"target {seed}"), other_targets("learn")
    shown = []
    for example in examples:
        chosen = draw.random() < share and example.target == DEFAULT_TARGET
        kind = ("same", "other")[draw.random() < 0.5] if chosen else None
        if kind == "same" or (kind == "other" and example.label != "neutral"):  # a neutral one would say nothing new
            example = replace(example, target=draw.choice(targets[kind]), label=example.label if kind == "same" else "neutral")
        shown.append(example)
    return shown


def _hidden(examples: list[Example], share: float, seed: int) -> list[Example]:
    """Take speaker and context from a share of the statements."""
    draw = random.Random(f"hide {seed}")
    return [replace(example, speaker="", context="") if draw.random() < share else example for example in examples]


def _as_printed(examples: list[Example], share: float, seed: int) -> list[Example]:
    """Show a share of the statements as the sentences of their context that hold them."""
    draw = random.Random(seed)
    return [sentence_of(example) if draw.random() < share else example for example in examples]


def sentence_of(example: Example) -> Example:
    """Give a statement as printed: the sentence of its context that holds it, or itself where the context has no place for it.

    Args:
        example: Its context names the statement's place with `[...]`.

    Returns:
        The same example with another `text`.
    """
    before, slot, after = example.context.partition(STATEMENT_SLOT)
    if not slot:
        return example
    place = "\u0001" * len(STATEMENT_SLOT)
    for start, end in sentences(before + place + after):
        if start <= len(before) < end:
            lead, tail = before[start:], after[: max(0, end - len(before) - len(place))]
            return replace(example, text=lead + (example.text.rstrip(".") if tail.startswith(",") else example.text) + tail)
    return example


def _for(source: str, options: dict[str, Any]) -> dict[str, Any]:
    return {} if source == CORPUS else options


def _fingerprint(articles: Sequence[AnnotatedArticle]) -> str:
    return hashlib.sha256(repr([(article.text, article.attributions) for article in articles]).encode("utf-8", "surrogatepass")).hexdigest()


def _prepare(settings: Config) -> None:
    import torch
    from transformers import set_seed

    if settings.training.threads:
        torch.set_num_threads(settings.training.threads)
    set_seed(settings.training.seed)
    if settings.training.report_to:
        # TensorBoard's own choice lies in the folder that goes when the run is done.
        output = Path(settings.training.output)
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(output.with_name(output.name + ".logs")))


def _set_up(network: "PreTrainedModel", options: TrainingConfig) -> None:
    network.train()
    network.get_input_embeddings().requires_grad_(not options.freeze_embeddings)


def _trainer(kind: Callable[..., "Trainer"], settings: Config, folder: Path, n_items: int, *, progress: bool, **parts: Any) -> "Trainer":  # noqa: ANN401
    """Set up a Trainer with what every task shares."""
    import torch
    from transformers import EarlyStoppingCallback, TrainingArguments
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    options = settings.training
    processes = int(os.environ.get("WORLD_SIZE", "1"))  # as torchrun and accelerate launch say
    if options.batch_size % processes:
        problem = f"found {options.batch_size}, which {processes} processes cannot share. Use a multiple of {processes}."
        raise ConfigError("config", "training.batch_size", problem)
    steps = -(-n_items // options.batch_size) * options.epochs
    by_length = settings.task == "stance" and options.group_by_length and processes == 1  # windows are of one length; processes would draw apart
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    bf16 = options.bf16 and (torch.cuda.is_bf16_supported() if cuda else not mps)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size // processes,
        average_tokens_across_devices=False,  # our losses are means over examples
        per_device_eval_batch_size=64,
        learning_rate=options.learning_rate,
        warmup_steps=round(options.warmup_share * steps),
        weight_decay=options.weight_decay,
        label_smoothing_factor=0.0,
        train_sampling_strategy="group_by_length" if by_length else "random",
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,
        remove_unused_columns=settings.task == "stance",
        seed=options.seed,
        data_seed=options.seed,
        bf16=bf16,
        use_cpu=not cuda and not mps,  # said, or several processes on CPUs would not see each other
        report_to=options.report_to or "none",
        disable_tqdm=not progress,
        dataloader_pin_memory=cuda,
    )
    with quiet():
        trainer = kind(args=arguments, callbacks=[EarlyStoppingCallback(early_stopping_patience=options.patience)], **parts)
    trainer.remove_callback(PrinterCallback)
    if not progress:
        trainer.remove_callback(ProgressCallback)
    return trainer


def _class_weights(examples: Sequence[Example]) -> "torch.Tensor":
    """Inverse frequencies of the labels, with mean 1 over the examples, shape (n_labels,)."""
    import torch

    counts = _one_hot(examples).sum(axis=0)
    return torch.tensor(counts.sum() / (len(LABELS) * counts), dtype=torch.float32)


def _loss(weights: "torch.Tensor | None", smoothing: float) -> Any:  # noqa: ANN401 - the callable that Trainer expects
    import torch

    def compute(outputs: Any, labels: "torch.Tensor", num_items_in_batch: Any = None) -> "torch.Tensor":  # noqa: ANN401
        logits = outputs["logits"]  # (n_examples, n_labels); labels are probabilities of the same shape
        weight = weights.to(logits.device) if weights is not None else None
        return torch.nn.functional.cross_entropy(logits, labels, weight=weight, label_smoothing=smoothing)

    return compute


@lru_cache(maxsize=1)
def metric_module() -> Any:  # noqa: ANN401 - evaluate is not typed
    """Load our metric through `evaluate`, from its file, without a network."""
    import evaluate

    return evaluate.load(str(files("stance") / "metric" / "stance_metric.py"))


def _compute_metrics(prediction: Any) -> dict[str, float]:  # noqa: ANN401 - transformers' EvalPrediction
    probabilities = softmax(np.asarray(prediction.predictions, dtype=float))
    found: dict[str, float] = metric_module().compute(predictions=probabilities.tolist(), references=prediction.label_ids.argmax(axis=1).tolist())
    return found
