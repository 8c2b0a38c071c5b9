"""Who is for and who is against negotiating: quoted statements, their speakers and their stances, from news text.

    >>> import stance
    >>> stance.predict("We will be at the table on Monday.").label
    'support'

Importing this package is light: torch and transformers load with the first call that needs them. The public names
are those of `__all__`; `docs/architecture.md` has the map of the modules behind them.
"""

import importlib
import sys
import types
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from stance.analyze import analyze as analyze
    from stance.bulk import BulkResult as BulkResult
    from stance.bulk import analyze_files as analyze_files
    from stance.config import Config as Config
    from stance.config import load_config as load_config
    from stance.corpora import load_corpus as load_corpus
    from stance.corpora import read_examples as read_examples
    from stance.errors import BrokenCheckpointError as BrokenCheckpointError
    from stance.errors import CheckpointError as CheckpointError
    from stance.errors import ConfigError as ConfigError
    from stance.errors import EmptyTextError as EmptyTextError
    from stance.errors import InputError as InputError
    from stance.errors import MissingColumnError as MissingColumnError
    from stance.errors import MissingExtraError as MissingExtraError
    from stance.errors import ModelNotFoundError as ModelNotFoundError
    from stance.errors import PartialFailure as PartialFailure
    from stance.errors import SplitLeakError as SplitLeakError
    from stance.errors import StanceError as StanceError
    from stance.errors import UnknownLabelError as UnknownLabelError
    from stance.errors import UnreadableFileError as UnreadableFileError
    from stance.errors import UnsafeCheckpointError as UnsafeCheckpointError
    from stance.evaluation import compare as compare
    from stance.evaluation import evaluate as evaluate
    from stance.explain import explain as explain
    from stance.labels import LABELS as LABELS
    from stance.modeling import StanceModel as StanceModel
    from stance.modeling import load as load
    from stance.predict import predict as predict
    from stance.probes import probe as probe
    from stance.quotes.extract import extract_quotes as extract_quotes
    from stance.records import AttributedStance as AttributedStance
    from stance.records import Example as Example
    from stance.records import Prediction as Prediction
    from stance.records import Quote as Quote
    from stance.records import Span as Span
    from stance.records import Speaker as Speaker
    from stance.records import Statement as Statement
    from stance.reporting import ArticleReport as ArticleReport
    from stance.reporting import ComparisonReport as ComparisonReport
    from stance.reporting import EvaluationReport as EvaluationReport
    from stance.reporting import Explanation as Explanation
    from stance.reporting import ProbeReport as ProbeReport
    from stance.reporting import SearchResult as SearchResult
    from stance.reporting import TrainingResult as TrainingResult
    from stance.search import search as search
    from stance.shares import Share as Share
    from stance.shares import Shares as Shares
    from stance.shares import shares as shares
    from stance.training import train as train

_HOMES = {
    "analyze": "analyze",
    "bulk": "BulkResult analyze_files",
    "config": "Config load_config",
    "corpora": "load_corpus read_examples",
    "errors": "BrokenCheckpointError CheckpointError ConfigError EmptyTextError InputError MissingColumnError MissingExtraError "
    "ModelNotFoundError PartialFailure SplitLeakError StanceError UnknownLabelError "
    "UnreadableFileError UnsafeCheckpointError",
    "evaluation": "compare evaluate",
    "explain": "explain",
    "labels": "LABELS",
    "modeling": "StanceModel load",
    "predict": "predict",
    "probes": "probe",
    "quotes.extract": "extract_quotes",
    "records": "AttributedStance Example Prediction Quote Span Speaker Statement",
    "reporting": "ArticleReport ComparisonReport EvaluationReport Explanation ProbeReport SearchResult TrainingResult",
    "search": "search",
    "shares": "Share Shares shares",
    "training": "train",
}
_HOME = {name: f"stance.{module}" for module, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *sorted(_HOME)]


def __dir__() -> list[str]:
    return __all__


class _Package(types.ModuleType):
    """Loads a public name on first use, and keeps `stance.predict` the function when the module of that name loads."""

    def __getattr__(self, name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module 'stance' has no attribute {name!r}")
        value = getattr(importlib.import_module(_HOME[name]), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        if name in _HOME and isinstance(value, types.ModuleType):
            return
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
