"""Which runtime computes a network: torch, or OpenVINO, which is faster on a CPU and starts without torch.

Comes in: a checkpoint folder and, where it was not converted before, its torch network. Goes out: the network's
outputs for a batch of input ids, by `run_torch` or an `OpenVinoRunner`. What was converted is kept in a cache folder under
the checkpoint's hash (`STANCE_CACHE`, or `stance` in the user's cache folder), and appears there whole or not at all.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import shutil
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stance.encoding import Reader
from stance.errors import InputError, MissingExtraError
from stance.records import BACKENDS

if TYPE_CHECKING:
    import torch

Batch = Mapping[str, NDArray[np.int64]]
_FACTS, _READER, _NETWORK = "facts.json", "reader.json", "network.xml"
_FORMAT = 1
# How many layers, each for one shape of its input, OpenVINO keeps prepared: 5,000 by default, 40 MB after some thousand statements. It is no
# documented setting, though OpenVINO's developers name it to people whose memory grows.
_FLAT_MEMORY = {"CPU_RUNTIME_CACHE_CAPACITY": "100"}
_SCRATCH, _A_DAY = ".converting-", 86_400
_log = logging.getLogger("stance")


def resolve(backend: str) -> str:
    """Say what a `backend` argument means: `auto` is what the variable STANCE_BACKEND names, where it names one.

    Raises:
        InputError: There is no such backend.
        MissingExtraError: It is not installed.
    """
    named = (os.environ.get("STANCE_BACKEND") or backend) if backend == "auto" else backend
    if named not in BACKENDS:
        raise InputError(f"backend is {named!r}, expected one of {', '.join(BACKENDS)}. Change the argument, or the variable STANCE_BACKEND.")
    if named == "openvino" and not _is_installed():
        raise MissingExtraError("openvino", "fast")
    return named


def choose(backend: str, *, gpu: bool = True) -> str:
    """Say whether `torch` or `openvino` computes: for `auto` OpenVINO, where it is installed and no GPU is there, and meant, for torch."""
    if backend != "auto":
        return backend
    return "openvino" if _is_installed() and not (gpu and _has_gpu()) else "torch"


def _is_installed() -> bool:
    return importlib.util.find_spec("openvino") is not None


def _has_gpu() -> bool:
    """Whether torch would find a GPU, as far as can be said without importing torch, which takes a second."""
    if not any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd")):
        return False
    return os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1") and not importlib.metadata.version("torch").endswith("+cpu")


def best_device() -> str:
    """The device that torch computes fastest on."""
    import torch

    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def attention() -> str | None:
    """How torch is to compute attention: on a CPU by plain products, as its fused one takes a third of a training step; None for its own choice."""
    return "eager" if best_device() == "cpu" else None


def has_bfloat16() -> bool:
    """Whether this processor multiplies matrices in bfloat16 by itself, at twice the speed of float32."""
    import torch

    return any(getattr(torch.cpu, name, bool)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))


def run_torch(
    compute: "Callable[[dict[str, torch.Tensor]], Sequence[torch.Tensor]]", batch: Batch, device: "torch.device", *, bfloat16: bool
) -> list[NDArray[np.float32]]:
    """Compute a batch with torch, as `OpenVinoRunner` does with OpenVINO.

    Args:
        compute: Takes the inputs by name and gives the outputs.
        batch: The inputs by name.
        device: Where the network is.
        bfloat16: Whether to multiply matrices in bfloat16.

    Returns:
        The outputs, in order.
    """
    import torch

    tensors = {name: torch.from_numpy(ids).to(device) for name, ids in batch.items()}
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
        return [output.float().cpu().numpy() for output in compute(tensors)]


@dataclass(frozen=True)
class Conversion:
    """What a network needs to be converted.

    Attributes:
        module: It takes the tensors of `example` by position.
        example: An example of each input by name; every size of every input may vary.
        reader: The tokenizer.
        facts: What else is needed to use it, as JSON.
    """

    module: "torch.nn.Module"
    example: "dict[str, torch.Tensor]"
    reader: Reader
    facts: dict[str, Any]


class OpenVinoRunner:
    """A converted network, on the CPU; in bfloat16 where the processor has it. A copy in another process loads it again."""

    def __init__(self, folder: Path) -> None:
        """Load what `converted` made.

        Args:
            folder: Where it lies.
        """
        import openvino

        core = openvino.Core()
        if os.access(folder, os.W_OK):
            core.set_property({"CACHE_DIR": str(folder / "compiled")})
        bfloat16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        # Not pinned: the threads of two processes would be pinned to the same cores.
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
        settings["INFERENCE_PRECISION_HINT"] = "bf16" if bfloat16 else "f32"
        if os.environ.get("OMP_NUM_THREADS", "").isdigit():
            settings["INFERENCE_NUM_THREADS"] = int(os.environ["OMP_NUM_THREADS"])
        try:
            self._compiled = core.compile_model(folder / _NETWORK, "CPU", {**settings, **_FLAT_MEMORY})
        except RuntimeError:  # not a setting of this OpenVINO
            self._compiled = core.compile_model(folder / _NETWORK, "CPU", settings)
        self._request = self._compiled.create_infer_request()
        self._lock, self._folder = threading.Lock(), folder
        self.name = f"openvino {'bfloat16' if bfloat16 else 'float32'}"
        self.facts: dict[str, Any] = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        self.reader = Reader.load(folder / _READER)

    def __reduce__(self) -> "tuple[type[OpenVinoRunner], tuple[Path]]":
        """Say how to make a copy."""
        return OpenVinoRunner, (self._folder,)

    def __call__(self, batch: Batch) -> list[NDArray[np.float32]]:
        """Run the network.

        Args:
            batch: The inputs by name, those it does not have left aside.

        Returns:
            Its outputs, in order.
        """
        with self._lock:
            found = self._request.infer([batch[name] for name in self.facts["inputs"]], share_inputs=True)
            return [np.array(found[i]) for i in range(len(self._compiled.outputs))]


def cache_folder() -> Path:
    """Where converted networks are kept."""
    named = os.environ.get("STANCE_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stance"


def converted_before(folder: Path) -> Path:
    """Where a checkpoint lies once it is converted."""
    return cache_folder() / _key(folder)


def converted(folder: Path, make: Callable[[], Conversion]) -> OpenVinoRunner:
    """Convert a checkpoint for OpenVINO, or load what was converted before.

    Args:
        folder: The checkpoint.
        make: Loads it; called only where it was not converted yet, or what was is damaged.

    Returns:
        The converted network.

    Raises:
        OSError: The cache folder cannot be written.
    """
    home = converted_before(folder)
    if os.path.exists(home / _FACTS):
        try:
            return OpenVinoRunner(home)
        except MemoryError:
            raise
        except Exception as error:  # OpenVINO has many kinds
            _log.warning("%s: cannot be loaded (%s), and is converted again.", home, " ".join(str(error).split())[:120])
            _remove(home)
    scratch = home.parent / f"{_SCRATCH}{uuid.uuid4().hex}"
    try:
        scratch.mkdir(parents=True)
    except OSError as error:
        raise OSError(f"set STANCE_CACHE to a folder that can be written; {error.strerror}: {home.parent}") from error
    for left in home.parent.glob(f"{_SCRATCH}*"):  # by a process that was killed
        with suppress(FileNotFoundError):  # another process may be faster
            if time.time() - left.stat().st_mtime > _A_DAY:
                shutil.rmtree(left, ignore_errors=True)
    try:
        _convert(make(), scratch)
        try:
            os.replace(scratch, home)
        except OSError:
            if not (home / _FACTS).exists():  # another process was faster otherwise
                raise
        _log.info("%s: converted for OpenVINO, kept in %s", folder, home)
        return OpenVinoRunner(home)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _remove(home: Path) -> None:
    """Take a damaged conversion out of the cache in one step, so that no other process finds half of it."""
    aside = home.with_name(f"{_SCRATCH}{uuid.uuid4().hex}")
    with suppress(OSError):
        os.replace(home, aside)
        shutil.rmtree(aside, ignore_errors=True)


def file_hash(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checkpoint_hash(folder: Path) -> str:
    """Tell a checkpoint by its weights, settings and tokenizer."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".safetensors", ".json", ".txt", ".model") and path.name != "training.json":
            digest.update(path.name.encode())
            digest.update(bytes.fromhex(file_hash(path)))
    return digest.hexdigest()


def _key(folder: Path) -> str:
    """What a converted network depends on, as a name."""
    parts = f"{_FORMAT} {importlib.metadata.version('openvino')} {checkpoint_hash(folder)}"
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _convert(made: Conversion, folder: Path) -> None:
    # openvino.convert_model reports its use over the network; the frontend beneath it does not.
    import openvino
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of tracing, which checks nothing that our shapes change
        decoder = TorchScriptPythonDecoder(made.module.eval(), example_input=tuple(made.example.values()))
        frontend = FrontEndManager().load_by_framework("pytorch")
        network = frontend.convert(frontend.load(decoder))
    for place, tensor in zip(network.inputs, made.example.values(), strict=True):
        place.get_node().set_partial_shape(openvino.PartialShape([-1] * tensor.dim()))
    network.validate_nodes_and_infer_types()
    openvino.save_model(network, folder / _NETWORK, compress_to_fp16=False)
    made.reader.save(folder / _READER)
    (folder / _FACTS).write_text(json.dumps({**made.facts, "inputs": list(made.example)}), encoding="utf-8")


def token_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Put rows of like length together, so that next to nothing is padding.

    Args:
        lengths: Tokens of each row.
        budget: Tokens that a batch holds at most, padding included; a longer row is a batch of its own.

    Returns:
        Row numbers of each batch, the longest rows first.
    """
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def padded(rows: Sequence[Mapping[str, Sequence[int]]], padding: Mapping[str, int], multiple: int = 1) -> dict[str, NDArray[np.int64]]:
    """Make arrays of rows of ids.

    Args:
        rows: For each row a list of numbers by name.
        padding: What to fill up with, by name; 0 where a name is not in it.
        multiple: What the number of columns is made a multiple of.

    Returns:
        For each name an array, shape (n_rows, longest or a little more).
    """
    found = {}
    for name in rows[0]:
        longest = max(len(row[name]) for row in rows)
        full = np.full((len(rows), longest + -longest % multiple), padding.get(name, 0), dtype=np.int64)
        for i, row in enumerate(rows):
            full[i, : len(row[name])] = row[name]
        found[name] = full
    return found
