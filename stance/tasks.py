"""What a training run learns: stances of statements, or the tags of quotes.

Comes in: a config. Goes out: a task with its data read and checked, a transformers `Trainer` set up for it, its scores on
dev and its checkpoint files. `training` runs it; it knows nothing of stances or quotes.
"""

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from stance.calibration import fit_temperature, softmax
from stance.config import Config
from stance.corpora import CORPUS, REAL, fingerprint, read_examples, read_real_statements
from stance.encoding import encode
from stance.errors import ConfigError, InputError
from stance.labels import LABEL_TO_ID, LABELS
from stance.metrics import score
from stance.modeling import new_model, new_tagger, quiet, save_tagger
from stance.quotes.learning import AnnotatedArticle, collate_labelled, labelled_windows, learner, read_articles, span_scores
from stance.quotes.passages import sentences
from stance.records import STATEMENT_SLOT, Example
from stance.splits import check_no_leak, split_examples

if TYPE_CHECKING:
    import torch
    from transformers import Trainer


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
        if settings.training.save_dtype == "int8":
            raise ConfigError("task stance", "training.save_dtype", "int8 is for taggers. Use float32 or float16.")
        self.train, self.dev = load_splits(settings)
        check_no_leak(self.train, self.dev)
        self.data = {
            "train": {"source": settings.data.train, "n_examples": len(self.train), "sha256": fingerprint(self.train)},
            "dev": {"source": settings.data.dev or f"split off {settings.data.train}", "n_examples": len(self.dev), "sha256": fingerprint(self.dev)},
        }
        if settings.data.real is not None:
            real = [example for example in self.train if example.matter == REAL]
            self.data["real"] = {"source": "part of train", "n_examples": len(real), "sha256": fingerprint(real)}
        self.train = _as_printed(self.train, settings.data.as_printed, settings.training.seed)

    def trainer(self, folder: Path, *, progress: bool) -> "Trainer":
        """Set up transformers' Trainer."""
        from datasets import Dataset
        from transformers import DataCollatorWithPadding, Trainer

        _prepare(self.settings)
        self.model = model = new_model(self.settings.model)
        model.network.train()

        def dataset(examples: list[Example]) -> Dataset:
            features = encode(examples, model.tokenizer, self.settings.model).features
            labels = [LABEL_TO_ID[str(example.label)] for example in examples]
            return Dataset.from_list([{**feature, "labels": label} for feature, label in zip(features, labels, strict=True)])

        options = self.settings.training
        return _trainer(
            Trainer,
            self.settings,
            folder,
            len(self.train),
            progress=progress,
            model=model.network,
            train_dataset=dataset(self.train),
            eval_dataset=dataset(self.dev),
            processing_class=model.tokenizer,
            data_collator=DataCollatorWithPadding(model.tokenizer),
            compute_loss_func=_loss(_class_weights(self.train) if options.class_weights else None, options.label_smoothing),
            compute_metrics=_compute_metrics,
        )

    def measure(self) -> dict[str, Any]:
        """Fit the temperature on dev, and score."""
        self.model.network.eval()
        logits, _ = self.model.logits(self.dev)
        gold = np.array([LABEL_TO_ID[str(example.label)] for example in self.dev])
        self.model.calibration = fit_temperature(logits, gold)
        metrics: dict[str, Any] = score(gold, self.model.calibration.probabilities(logits))
        metrics["ece_uncalibrated"] = score(gold, softmax(logits))["ece"]
        return metrics

    def save(self, folder: Path) -> None:
        """Write weights, tokenizer, calibration and what the input holds."""
        import torch

        if self.settings.training.save_dtype == "float16":
            self.model.network.to(torch.float16)
        with quiet():
            self.model.save_pretrained(folder)


class QuoteTask:
    """Annotated articles -> a tagger of source, cue and content."""

    def __init__(self, settings: Config) -> None:
        """Read train and dev, and refuse an article that is in both."""
        self.settings = settings
        if settings.data.train_share < 1:
            raise ConfigError("task quotes", "data.train_share", "whole files of articles are read. Leave it at 1.")
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
        tagger.network.train()
        items = labelled_windows(self.train, tagger.tokenizer, tagger.max_length, tagger.overlap)
        measure = self.measure

        class ArticleTrainer(Trainer):  # type: ignore[misc]
            def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:  # noqa: ANN401 - Trainer's own signature
                found = {f"eval_{name}": value for name, value in measure().items()}
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
        """Score exact spans on dev."""
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
        train_examples = [*train_examples, *read_real_statements(settings.data.real)]
    missing = set(LABELS) - {str(example.label) for example in train_examples}
    if missing:
        raise InputError(f"{settings.data.train}: no training example is labelled {', '.join(sorted(missing))}. Each label needs some.")
    return train_examples, dev


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
    import hashlib

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


def _trainer(kind: Callable[..., "Trainer"], settings: Config, folder: Path, n_items: int, *, progress: bool, **parts: Any) -> "Trainer":  # noqa: ANN401
    """Set up a Trainer with what every task shares."""
    import torch
    from transformers import EarlyStoppingCallback, TrainingArguments
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    options = settings.training
    steps = -(-n_items // options.batch_size) * options.epochs
    by_length = settings.task == "stance" and options.group_by_length  # windows are of one length
    cuda = torch.cuda.is_available()
    bf16 = options.bf16 and (torch.cuda.is_bf16_supported() if cuda else not torch.backends.mps.is_available())
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
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
        use_cpu=bf16 and not cuda,
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

    counts = np.bincount([LABEL_TO_ID[str(example.label)] for example in examples], minlength=len(LABELS))
    return torch.tensor(len(examples) / (len(LABELS) * counts), dtype=torch.float32)


def _loss(weights: "torch.Tensor | None", smoothing: float) -> Any:  # noqa: ANN401 - the callable that Trainer expects
    import torch

    def compute(outputs: Any, labels: "torch.Tensor", num_items_in_batch: Any = None) -> "torch.Tensor":  # noqa: ANN401
        logits = outputs["logits"]  # (n_examples, n_labels)
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
    found: dict[str, float] = metric_module().compute(predictions=probabilities.tolist(), references=prediction.label_ids.tolist())
    return found
