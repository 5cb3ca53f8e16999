"""The Hugging Face Hub: files from there and to there, and what to do when it says no.

Transfer, cache, resuming and tokens are huggingface_hub's. What is added here: an answer within seconds where the
Hub cannot be reached (huggingface_hub tries again for half a minute), a check of the weights' SHA-256, and errors
in words.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from huggingface_hub import (
    CommitOperationAdd,
    HfApi,
    constants,
    get_token,
    hf_hub_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ..errors import HubError, WeightsNotFoundError

logger = logging.getLogger(__name__)

PATIENCE = 4.0  # seconds to wait for the Hub's first answer; $HF_HUB_ETAG_TIMEOUT says otherwise
COMMIT, SHA256 = re.compile("[0-9a-f]{40}"), re.compile("[0-9a-f]{64}")
LOG_IN = "log in by `hf auth login` (or set HF_TOKEN)"


class _Unreachable(Exception):
    """Nothing answers, or not the Hub."""


class Access(TypedDict, total=False):
    """How a `Repository` is read: its arguments but name and revision."""

    cache_dir: str | os.PathLike[str] | None
    token: str | bool | None
    local_files_only: bool
    force_download: bool


@dataclass
class Repository:
    """A model on the Hub. All files come from one commit: that of the first file that is asked for.

    Args:
        name: "org/name".
        revision: a branch, tag or commit; None means main.
        cache_dir: the folder for downloads, in place of huggingface_hub's cache.
        token: a Hub token; None means the one of `hf auth login` or $HF_TOKEN.
        local_files_only: look only into the cache.
        force_download: download files again even if the cache has them.
    """

    name: str
    revision: str | None = None
    cache_dir: str | os.PathLike[str] | None = None
    token: str | bool | None = None
    local_files_only: bool = False
    force_download: bool = False
    _commit: str | None = None  # of the first file
    _trouble: Exception | None = None  # met with the first file, which then came from the cache

    def file(self, name: str) -> Path:
        """The path of one of its files, which is downloaded if the cache does not have it.

        Raises:
            WeightsNotFoundError: it cannot be downloaded, or the cache's copy is damaged; the message says what to do.
        """
        revision = self._commit or self.revision
        if self._commit or self.local_files_only or self._is_pinned(name):
            trouble = self._trouble
        else:
            trouble = self.trouble()
        final = isinstance(trouble, HFValidationError | RevisionNotFoundError)
        try:
            if trouble and (final or self.force_download):
                raise trouble
            path = hf_hub_download(
                self.name,
                name,
                revision=revision,
                cache_dir=self._cache,
                token=self.token,
                force_download=self.force_download,
                local_files_only=self.local_files_only or trouble is not None,
            )
        except Exception as error:  # huggingface_hub passes on those of httpx or requests, and of the disk
            reason: BaseException = error
            if isinstance(error, LocalEntryNotFoundError):
                reason = trouble or error.__cause__ or error
            raise WeightsNotFoundError(self._explained(reason, name)) from reason
        if trouble and not self._trouble:
            logger.warning("'%s' is taken from the cache: asking the Hub failed (%s)", self.name, _short(trouble))
        self._trouble = trouble
        if COMMIT.fullmatch(commit := Path(path).parent.name):
            self._commit = commit
        if name.endswith(".safetensors"):
            _check_hash(Path(path))
        return Path(path)

    def upload(self, files: Mapping[str, Path | bytes], message: str, private: bool | None = None) -> str:
        """Upload files in one commit; the repository and the branch `revision` are made if they do not exist.

        Args:
            files: the content for each path, or a file that has it.
            message: the first line of the commit message.
            private: whether to make it private; None leaves that to the organisation's default, or else it is public.

        Returns:
            The address of the commit.

        Raises:
            HubError: the Hub cannot be reached or refuses; the message says what to do.
        """
        api = HfApi(token=self.token)
        trouble = Repository(self.name, token=self.token).trouble()
        try:
            if trouble and not isinstance(
                trouble, HfHubHTTPError
            ):  # else there is an answer, which is all to know here
                raise trouble
            name = api.create_repo(self.name, private=private, exist_ok=True).repo_id
            if private and not api.model_info(name).private:
                raise HubError(
                    f"'{name}' exists and is public, so nothing was uploaded: make it private on "
                    f"{constants.ENDPOINT}/{name}/settings, choose another name, or leave --private out."
                )
            if self.revision not in (None, "main"):
                api.create_branch(name, branch=self.revision, exist_ok=True)
            additions = [CommitOperationAdd(path, content) for path, content in files.items()]
            return api.create_commit(name, additions, commit_message=message, revision=self.revision).commit_url
        except HubError:
            raise
        except Exception as error:  # as above
            raise HubError(self._explained(error)) from error

    def trouble(self) -> Exception | None:
        """Why the Hub does not show this model, after one request without retries; None if it does."""
        wait = constants.HF_HUB_ETAG_TIMEOUT if "HF_HUB_ETAG_TIMEOUT" in os.environ else PATIENCE
        try:
            HfApi(token=self.token).model_info(self.name, revision=self.revision, timeout=wait)
        except (HfHubHTTPError, HFValidationError, OfflineModeIsEnabled) as error:
            return error
        except ValueError:  # no JSON
            return _Unreachable("what answers is not the Hugging Face Hub; is it a log-in page?")
        except Exception as error:  # of httpx or of requests, by huggingface_hub's version
            return _Unreachable(f"{type(error).__name__}: {_short(error)}")
        return None

    @property
    def _cache(self) -> str | None:
        return None if self.cache_dir is None else os.fspath(self.cache_dir)

    def _is_pinned(self, name: str) -> bool:
        """A commit never changes: for what the cache has of it the Hub is not asked."""
        if self.force_download or not COMMIT.fullmatch(self.revision or ""):
            return False
        return isinstance(try_to_load_from_cache(self.name, name, self._cache, self.revision), str)

    def _explained(self, error: BaseException, file: str | None = None) -> str:
        """What went wrong and what to do; file: what was to be read, None: the model was to be written."""
        error = _answer(error)
        revision = self.revision or "main"
        page = f"{constants.ENDPOINT}/{self.name}"
        uncached = f", and '{self.name}' is neither a folder nor in the cache" if file else ""
        match error:
            case HFValidationError():
                return (
                    f"'{self.name}' is no id of a model on the Hugging Face Hub, which is of the form org/name: {error}"
                )
            case LocalEntryNotFoundError():
                return (
                    f"{file} of '{self.name}' ({revision}) is not in the cache "
                    f"'{self.cache_dir or constants.HF_HUB_CACHE}', or not all of it, and local_files_only looks "
                    "nowhere else: load it once without."
                )
            case OfflineModeIsEnabled():
                return f"HF_HUB_OFFLINE is set{uncached}: unset it to ask the Hub."
            case _Unreachable():
                return (
                    f"{constants.ENDPOINT} cannot be reached ({error}){uncached}. "
                    "Check the connection, the proxy ($HTTPS_PROXY) and $HF_ENDPOINT."
                )
            case RevisionNotFoundError():
                return f"'{self.name}' has no branch, tag or commit '{revision}': {page}/tree/main lists them."
            case EntryNotFoundError():
                return (
                    f"'{self.name}' ({revision}) has no {file}, so it is not a ZM-Net: that is config.json and "
                    f"model.safetensors (pickles are not read). {page}/tree/{revision} lists what it has."
                )
            case HfHubHTTPError():
                return self._refusal(error, "write to" if file is None else "read")
        what = f"'{self.name}' was not uploaded" if file is None else f"{file} of '{self.name}' was not downloaded"
        return f"{what} to the end ({type(error).__name__}: {_short(error)}): try again."

    def _refusal(self, error: HfHubHTTPError, do: str) -> str:
        """What the Hub's status means, and what to do."""
        status, said = error.response.status_code, _short(error)
        if "Invalid credentials" in str(error):
            return f"the Hugging Face Hub does not know the token it was sent: mistyped, or expired? {LOG_IN}."
        if isinstance(error, GatedRepoError):
            page = f"{constants.ENDPOINT}/{self.name}"
            return f"'{self.name}' is gated: ask for access on {page}, then {LOG_IN} as the one who was let in."
        if do == "read" and (isinstance(error, RepositoryNotFoundError) or status in (401, 404)):
            who = "the owner of the token" if self.token or get_token() else "one who is not logged in"
            return (
                f"the Hugging Face Hub shows no model '{self.name}' to {who}, and there is no folder of that name. "
                f"Is it spelled right? If it is private, {LOG_IN} with a token that may read it."
            )
        if status in (401, 403, 404):
            return f"the Hugging Face Hub does not let you {do} '{self.name}': {LOG_IN} with a token that may. ({said})"
        if status == 429:
            return f"the Hugging Face Hub has had too many requests from here: wait some minutes. ({said})"
        if status < 500:
            return f"the Hugging Face Hub refuses to {do} '{self.name}': {said}"
        return f"the Hugging Face Hub answered {status}, so it has trouble: try again later. ({said})"


def _answer(error: BaseException) -> BaseException:
    """The Hub's answer where an upload has wrapped it into another error; else the error."""
    cause: BaseException | None = error
    while cause and not isinstance(cause, HfHubHTTPError):
        cause = cause.__cause__
    return cause or error


def _short(error: BaseException) -> str:
    """What was said, without the lines and addresses that huggingface_hub adds."""
    said = getattr(error, "server_message", None) or str(error)
    return " ".join(said.split())[:300].rstrip(".")


def _check_hash(path: Path) -> None:
    """Compare a file of the cache with its SHA-256, which is the name under which the cache keeps it.

    Raises:
        WeightsNotFoundError: they differ.
    """
    if not path.is_symlink():  # where the cache cannot link (Windows), the name is the file's own
        return
    expected = os.path.basename(os.readlink(path))  # not resolve(): a store shared by repositories has other names
    if not SHA256.fullmatch(expected):
        return
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != expected:
        raise WeightsNotFoundError(
            f"'{path}' is damaged: its SHA-256 begins with {found[:8]}, the Hub's with {expected[:8]}. "
            f"Delete '{path.resolve()}' and load it again (in Python: force_download=True)."
        )
