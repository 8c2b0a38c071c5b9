"""What the tests share: one thread, one seed, no network, and a tiny random checkpoint of real files."""

import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["STANCE_BACKEND"] = "torch"  # the reference, in float32; test_backends.py compares the others with it

import pytest

from stance.corpora import corpus_rows, read_examples
from stance.records import Example

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(autouse=True)
def _one_thread_one_seed():
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _rules_alone_in_unit_tests(request, monkeypatch):
    """Unit tests of the extraction are of its rules, whatever tagger this installation may have."""
    if "unit" in request.path.parts:
        monkeypatch.setattr("stance.quotes.extract.RELEASED_TAGGER", Path("no-such-folder"))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    if not all((SHARED / "data" / name).exists() for name in ("articles", "polnear", "real-dev")):
        pytest.skip("the real data beside the checkout is absent; it is never part of the repository")
    return SHARED


@pytest.fixture(scope="session")
def corpus() -> dict:
    return corpus_rows()


@pytest.fixture(scope="session")
def dev_examples() -> list[Example]:
    return read_examples("corpus", split="dev")


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory) -> Path:
    """A BERT of two small layers with a word-level tokenizer: some 60 KB, random weights, no download."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "|", ".", ",", "[", "]", "we", "will", "talk", "not", "never", "the", "table", "rain"]
    words += ["yes", "refuse", "negotiations", "unknown", "at", "on", "is", "no", "they", "meet", "fell", "sea", "said"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )
    torch.manual_seed(0)
    # With the usual range of 0.02 so small a network does not learn.
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    folder = tmp_path_factory.mktemp("encoder")
    BertModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_encoder, tmp_path_factory) -> Path:
    """A checkpoint folder of ours on the tiny encoder, not trained, not calibrated."""
    import torch

    from stance.config import ModelConfig
    from stance.modeling import new_model

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    new_model(ModelConfig(encoder=str(tiny_encoder), max_length=48, use_speaker=True, use_context=True)).save_pretrained(folder)
    return folder


SAYINGS = {
    "support": ["we will talk", "yes we will meet at the table", "they will talk", "we will meet"],
    "oppose": ["we will never talk", "no we refuse the table", "they refuse", "never the table"],
    "neutral": ["rain fell on the sea", "the sea is at rest", "rain is rain", "the rain fell"],
}


@pytest.fixture(scope="session")
def toy_examples() -> list[Example]:
    """Thirty-six statements on six matters that a tiny network can learn."""
    rows = []
    for matter in range(6):
        for label, texts in SAYINGS.items():
            for i, text in enumerate(texts[matter % 2 :: 2]):
                padded = f"{text} {matter} {i}"
                rows.append(Example(padded, "they", "", label=label, matter=f"m{matter}", id=f"{matter}-{label}-{i}"))  # type: ignore[arg-type]
    return rows


@pytest.fixture
def toy_files(toy_examples, tmp_path) -> tuple[Path, Path]:
    """The toy examples as train and dev files."""
    import json

    paths = tmp_path / "train.jsonl", tmp_path / "dev.jsonl"
    for path, keep in zip(paths, (lambda m: m < "m4", lambda m: m >= "m4"), strict=True):
        path.write_text("".join(json.dumps(e.to_dict()) + "\n" for e in toy_examples if keep(e.matter)), encoding="utf-8")
    return paths
