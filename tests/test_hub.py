"""The Hub: push, load and every refusal, by the real huggingface_hub client, against a server of the tests' own."""

import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import ModelCard

from tests.hub_server import HubServer
from tests.processes import ROOT, free_port
from zmnet_core.assets import BUNDLED
from zmnet_core.card import model_card
from zmnet_core.errors import HubError, WeightsNotFoundError, WrongModelError
from zmnet_core.files import write_json
from zmnet_core.model import ZMNet
from zmnet_core.signals.sentences import ENCODER, ENCODER_FILES
from zmnet_core.training.checkpoints import save_model
from zmnet_core.training.config import TrainingConfig
from zmnet_core.training.records import begin_records

TOKEN = "hf_org"  # may write to org/…
FILES = ("config.json", "model.safetensors")


# What runs in another process, which huggingface_hub tells the server's address ------------------


def picture(model: ZMNet) -> bytes:
    """A stylised picture, to the bit."""
    contents, painting = torch.rand(2, 1, 3, 40, 48, generator=torch.Generator().manual_seed(0))
    return model.apply(contents, model.encode_style(painting, size=None)).numpy().tobytes()


def load(name: str, **options: object) -> bytes:
    torch.set_num_threads(1)
    return picture(ZMNet.from_pretrained(name, **options))


def push(folder: Path, name: str, **options: object) -> str:
    return ZMNet.from_pretrained(folder).push_to_hub(name, **options)


def push_run(*arguments: object, **options: object) -> str:
    from zmnet_core.training.publish import push_run

    return push_run(*arguments, **options)


def load_by_command(name: str) -> str:
    """What `zmnet` says on loading a model that cannot be had."""
    from typer.testing import CliRunner

    from zmnet_core.cli import app

    result = CliRunner().invoke(app, ["words", "--model", name])
    assert result.exit_code == 1 and result.output.startswith("error: "), result.output
    return " ".join(result.output.split())


def load_by_node(name: str) -> str:
    """What the Load node says on loading a model that cannot be had."""
    import tempfile

    from tests.comfyui.comfy_standin import install

    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        install(patch, Path(folder))
        from zmnet_nodes.load import LoadZMNet

        with pytest.raises(WeightsNotFoundError) as error:
            LoadZMNet.execute("zmnet-base", hub_id=name)
    return str(error.value)


def load_by_python(name: str) -> str:
    with pytest.raises(WeightsNotFoundError) as error:
        ZMNet.from_pretrained(name)
    return str(error.value)


CALLERS = [load_by_python, load_by_command, load_by_node]


# Fixtures --------------------------------------------------------------------------------------


def environment(endpoint: str, home: Path) -> dict[str, str]:
    return {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def server():
    with HubServer() as server:
        yield server


@pytest.fixture
def hub(server):
    """The server, without repositories and faults."""
    server.reset()
    return server


@pytest.fixture(scope="module")
def client(server, tmp_path_factory):
    """Calls a function in a process that knows the server as the Hub, and has no token."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HF_HUB_ETAG_TIMEOUT"):
            patch.delenv(name, raising=False)
        for name, value in environment(server.url, tmp_path_factory.mktemp("home")).items():
            patch.setenv(name, value)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            pool.submit(os.getpid).result(timeout=120)  # it reads the environment as it starts
            yield lambda function, *arguments, **options: pool.submit(function, *arguments, **options).result(120)


@pytest.fixture
def folder(model, tmp_path):
    """A saved model; its weights are uploaded in parts, as LFS objects."""
    model.save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.fixture
def run(model, tmp_path):
    """The folder that a training run leaves."""
    folder = tmp_path / "run"
    save_model(model, folder)
    options = {"content_dir": "/home/jane/photographs", "style_dir": "hf:org/paintings:train", "resolution": 192}
    config = TrainingConfig(**options, train_batch_size=4, init_from="zmnet-base")
    begin_records(folder, config, start=0, processes=2, pictures={"photographs": 1958})
    scores = {"val_content": 0.5, "val_relu1_2": 0.25, "val_style": 0.75, "val_total": 4.25}
    lines = [{"step": 10, **scores, "val_total": 9.9}, {"step": 1200, **scores}, {"step": 1210, "loss": 1.0}]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 12')
    (folder / "samples").mkdir()
    for step in (10, 1200):
        (folder / "samples" / f"{step:06d}.png").write_bytes(b"\x89PNG" + bytes(step))
    return folder


@pytest.fixture
def published(hub, folder):
    """org/model on the server."""
    return publish(hub, folder, "org/model")


def publish(hub, folder, name, files=FILES, **traits):
    """A model put on the server by hand; the commit."""
    from tests.hub_server import Repository

    hub.repositories[name] = Repository(**traits)
    return hub.repositories[name].commit("main", {file: (folder / file).read_bytes() for file in files}, "by hand")


def zmnet(*arguments, endpoint, home, **variables):
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "zmnet_core.cli", *map(str, arguments)],
        env=os.environ | environment(endpoint, home) | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


# Push, load ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_run_pushed_by_command_comes_back_to_the_bit_in_another_process(hub, client, run, tmp_path):
    options = ("--private", "--token", TOKEN, "--message", "First try")
    done = zmnet("push", run, "org/mine", *options, endpoint=hub.url, home=tmp_path)
    assert done.returncode == 0, done.stderr
    repository = hub.repositories["org/mine"]
    assert done.stdout.strip() == f"{hub.url}/org/mine/commit/{repository.branches['main']}"
    assert repository.private and repository.messages == ["initial commit", "First try"]  # one commit, not one a file
    files = repository.commits[repository.branches["main"]]
    assert set(files) == {".gitattributes", "README.md", *FILES}
    assert all(files[name] == (run / name).read_bytes() for name in FILES)
    assert len(hub.asked("PUT", "/objects/")) > 1 and len(hub.asked("POST", "/complete/")) == 1
    loaded = client(load, "org/mine", token=TOKEN, cache_dir=tmp_path / "cache")
    assert loaded == picture(ZMNet.from_pretrained(run))


def test_model_pushed_to_a_branch_comes_back_to_the_bit(hub, client, model, folder, tmp_path):
    address = client(push, folder, "org/new", token=TOKEN, revision="v2", commit_message="Second try")
    assert hub.repositories["org/new"].branches["v2"] in address
    assert hub.repositories["org/new"].messages == ["initial commit", "Second try"]
    for name, options in ("org/new@v2", {}), ("org/new", {"revision": "v2"}):
        assert client(load, name, cache_dir=tmp_path, **options) == picture(model)
    with pytest.raises(WeightsNotFoundError, match=r"'org/new' \(main\) has no config.json, so it is not a ZM-Net"):
        client(load, "org/new", cache_dir=tmp_path)


def test_words_come_back_with_their_model(hub, client, model, tmp_path):
    both = ZMNet(model.config["tnet"], model.config["pnet"], {"glove": {"kind": "mlp", "size": 4, "width": 8}})
    both.save_pretrained(tmp_path / "saved")
    client(push_run, str(tmp_path / "saved"), "org/words", token=TOKEN)
    assert (
        "attribute.safetensors" in hub.repositories["org/words"].commits[hub.repositories["org/words"].branches["main"]]
    )
    expected = picture(ZMNet.from_pretrained(tmp_path / "saved"))
    assert client(load, "org/words", cache_dir=tmp_path / "cache") == expected
    assert len(hub.asked("GET", "/objects/")) == 2


def test_card_is_made_from_the_run(hub, client, run):
    client(push_run, str(run), "org/mine", token=TOKEN)
    repository = hub.repositories["org/mine"]
    card = ModelCard(repository.commits[repository.branches["main"]]["README.md"].decode())
    assert card.data.tags == ["zm-net", "style-transfer", "image-to-image"]
    assert (card.data.library_name, card.data.license, card.data.datasets) == ("zmnet", "apache-2.0", ["org/paintings"])
    figures = {result.metric_type: result.metric_value for result in card.data.eval_results}
    assert figures == {"val_content": 0.5, "val_relu1_2": 0.25, "val_style": 0.75, "val_total": 4.25}
    for said in (
        'from_pretrained("org/mine")',
        "after step 1,200",
        "| 0.50 | 0.25 | 0.75 | 4.25 |",
        "1,210 steps of 8 photographs, crops of 192 px",
        "Photographs: 1,958 of `…/photographs`.",
        "`hf:org/paintings:train`",
        "Started from `zmnet-base`",
        f"torch {torch.__version__}",
    ):
        assert said in card.text, said
    assert "jane" not in card.content and "samples.png" not in card.content


def test_folders_of_one_name_are_told_apart_on_the_card(run):
    options = yaml.safe_load((run / "config.yaml").read_text())
    options |= {"content_dir": "/data/content/train", "style_dir": "/data/styles/train"}
    (run / "config.yaml").write_text(yaml.safe_dump(options))
    text = model_card(ZMNet.from_pretrained(run).config, "org/mine", run).text
    assert "Photographs: 1,958 of `…/content/train`. Paintings: `…/styles/train`." in text


def test_sample_grid_is_uploaded_only_when_asked_for(hub, client, run):
    client(push_run, str(run), "org/mine", token=TOKEN, samples=True, licence="cc-by-4.0")
    repository = hub.repositories["org/mine"]
    files = repository.commits[repository.branches["main"]]
    assert files["samples.png"] == (run / "samples" / "001200.png").read_bytes()
    card = files["README.md"].decode()
    assert "](samples.png)" in card and "license: cc-by-4.0" in card
    shutil.rmtree(run / "samples")
    with pytest.raises(HubError, match="leave --samples out"):
        client(push_run, str(run), "org/mine", token=TOKEN, samples=True)


def test_readme_of_the_run_takes_the_place_of_the_card(hub, client, run):
    (run / "README.md").write_text("---\nlicense: mit\n---\nMine.\n")
    client(push_run, str(run), "org/mine", token=TOKEN)
    repository = hub.repositories["org/mine"]
    assert repository.commits[repository.branches["main"]]["README.md"].endswith(b"Mine.\n")


def test_run_that_does_not_load_is_not_pushed(hub, client, run):
    (run / "model.safetensors").write_bytes(b"half a file")
    with pytest.raises(WrongModelError, match="cannot be read as safetensors"):
        client(push_run, str(run), "org/mine", token=TOKEN)
    assert not hub.requests


def test_push_that_failed_goes_on_with_what_was_uploaded(hub, client, model, folder, tmp_path):
    hub.fail_with, hub.fail_at = 503, "/commit/"
    with pytest.raises(HubError, match="answered 503, so it has trouble: try again later"):
        client(push, folder, "org/mine", token=TOKEN)
    assert hub.repositories["org/mine"].messages == ["initial commit"] and hub.asked("PUT", "/objects/")
    hub.fail_with = None
    hub.requests.clear()
    client(push, folder, "org/mine", token=TOKEN)
    assert not hub.asked("PUT", "/objects/")
    assert client(load, "org/mine", cache_dir=tmp_path / "cache") == picture(model)


def test_push_goes_through_a_storage_that_fails_now_and_then(hub, client, model, folder, tmp_path):
    hub.fail_once = ["/objects/.*/2"]
    client(push, folder, "org/mine", token=TOKEN)
    assert client(load, "org/mine", cache_dir=tmp_path / "cache") == picture(model)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (None, "does not let you write to 'org/mine': log in by `hf auth login`"),
        ("hf_other", "does not let you write to 'org/mine'.*You don't have the rights"),
        ("hf_old", "does not know the token it was sent: mistyped, or expired"),
    ],
)
def test_push_without_the_right_says_what_is_needed(hub, client, folder, token, said):
    with pytest.raises(HubError, match=said):
        client(push, folder, "org/mine", token=token)
    assert not hub.repositories


def test_private_push_does_not_land_in_a_public_repository(hub, client, folder, published):
    with pytest.raises(HubError, match="'org/model' exists and is public, so nothing was uploaded"):
        client(push, folder, "org/model", token=TOKEN, private=True)
    assert list(hub.repositories["org/model"].commits) == [published]


def test_card_the_hub_refuses_is_refused_in_its_words(hub, client, run):
    (run / "README.md").write_text("Mine.\n")
    with pytest.raises(HubError, match="the card has no licence"):
        client(push_run, str(run), "org/mine", token=TOKEN)


# Transfer and cache ----------------------------------------------------------------------------


@pytest.mark.slow
def test_download_goes_on_where_the_connection_was_cut(hub, client, tmp_path):
    publish(hub, BUNDLED / "zmnet-base", "org/base", [*FILES, "attribute.safetensors"])
    hub.cuts = [12_000_000] * 2  # config.json ends before; huggingface_hub writes 10 MiB at a time
    assert client(load, "org/base", cache_dir=tmp_path) == picture(ZMNet.from_pretrained("zmnet-base"))
    assert sorted(hub.asked("GET", "/objects/")) == ["", "", "", f"bytes={10 * 2**20}-"]  # three files, and a rest


def test_download_of_less_than_ten_mebibytes_that_is_cut_is_done_again_from_its_start(hub, client, tmp_path):
    wide = ZMNet({"width": 8}, {"kind": "conv", "width": 16}).eval()
    wide.save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved" / "model.safetensors").stat().st_size > 4 * 100_000
    publish(hub, tmp_path / "saved", "org/wide")
    hub.cuts = [100_000]
    assert client(load, "org/wide", cache_dir=tmp_path / "cache") == picture(ZMNet.from_pretrained(tmp_path / "saved"))
    assert hub.asked("GET", "/objects/") == ["", ""] and not hub.cuts


@pytest.mark.slow
def test_download_that_breaks_off_leaves_nothing_that_is_taken_for_a_model(hub, client, model, published, tmp_path):
    hub.cuts = [15_000] * 50
    with pytest.raises(WeightsNotFoundError, match="model.safetensors of 'org/model' was not downloaded to the end"):
        client(load, "org/model", cache_dir=tmp_path)
    with pytest.raises(
        WeightsNotFoundError, match="model.safetensors of 'org/model' .* is not in the cache .*not all of"
    ):
        client(load, "org/model", cache_dir=tmp_path, local_files_only=True)
    hub.cuts = []
    assert client(load, "org/model", cache_dir=tmp_path) == picture(model)


@pytest.mark.slow
def test_process_killed_while_it_downloads_leaves_a_cache_that_works(hub, client, tmp_path):
    publish(hub, BUNDLED / "zmnet-base", "org/base", [*FILES, "attribute.safetensors"])
    hub.stall_at = 12_000_000
    variables = os.environ | environment(hub.url, tmp_path)
    command = [sys.executable, "-m", "zmnet_core.cli", "words", "--model", "org/base"]
    process = subprocess.Popen(command, env=variables, stderr=subprocess.DEVNULL)
    half = tmp_path / "hub" / "models--org--base" / "blobs"
    while not any(file.stat().st_size > 10**7 for file in half.glob("*.incomplete")):
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    with pytest.raises(
        WeightsNotFoundError, match="model.safetensors of 'org/base' .* is not in the cache .*not all of"
    ):
        client(load, "org/base", cache_dir=tmp_path / "hub", local_files_only=True)
    hub.stall_at = None
    assert client(load, "org/base", cache_dir=tmp_path / "hub") == picture(ZMNet.from_pretrained("zmnet-base"))


def test_what_is_in_the_cache_is_not_downloaded_again(hub, client, model, published, tmp_path):
    client(load, "org/model", cache_dir=tmp_path)
    hub.requests.clear()
    assert client(load, "org/model", cache_dir=tmp_path) == picture(model)
    assert not hub.asked("GET", "/resolve/|/objects/") and len(hub.requests) <= 2
    hub.requests.clear()
    assert client(load, "org/model", cache_dir=tmp_path, revision=published) == picture(model)
    assert client(load, "org/model", cache_dir=tmp_path, local_files_only=True) == picture(model)
    assert not hub.requests


def test_new_commit_is_taken_and_the_old_one_stays_to_be_had(hub, client, make_model, model, published, tmp_path):
    client(load, "org/model", cache_dir=tmp_path)
    other = make_model(seed=5)
    other.save_pretrained(tmp_path / "other")
    client(push, tmp_path / "other", "org/model", token=TOKEN)
    assert client(load, "org/model", cache_dir=tmp_path) == picture(other)
    assert client(load, f"org/model@{published}", cache_dir=tmp_path) == picture(model)


def blob(cache: Path) -> Path:
    """The weights in a cache."""
    return max((path for path in cache.glob("models--org--model/blobs/*")), key=lambda path: path.stat().st_size)


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-100] ^= 1  # a weight: safetensors itself would not see it
    file.write_bytes(content)


def test_damaged_file_in_the_cache_is_named_and_can_be_had_again(hub, client, model, published, tmp_path):
    client(load, "org/model", cache_dir=tmp_path)
    damage(blob(tmp_path))
    said = f"model.safetensors' is damaged: its SHA-256 .*Delete '{blob(tmp_path)}' and load it again"
    with pytest.raises(WeightsNotFoundError, match=said):
        client(load, "org/model", cache_dir=tmp_path)
    blob(tmp_path).unlink()
    assert client(load, "org/model", cache_dir=tmp_path) == picture(model)
    damage(blob(tmp_path))
    assert client(load, "org/model", cache_dir=tmp_path, force_download=True) == picture(model)


def test_file_of_another_hash_than_the_hub_says_is_refused(hub, client, model, published, tmp_path):
    hub.spoil = True
    with pytest.raises(WeightsNotFoundError, match="is damaged: its SHA-256"):
        client(load, "org/model", cache_dir=tmp_path)
    hub.spoil = False
    assert client(load, "org/model", cache_dir=tmp_path, force_download=True) == picture(model)


# Refusals --------------------------------------------------------------------------------------


def prepare(hub, folder):
    publish(hub, folder, "org/secret", private=True)
    publish(hub, folder, "org/gated", gated=True)
    publish(hub, folder, "org/public")
    publish(hub, folder, "org/half", files=["config.json"])


REFUSALS = {
    "missing": ("org/nothing", "shows no model 'org/nothing' to one who is not logged in.*spelled right"),
    "private": ("org/secret", "shows no model 'org/secret' .* If it is private, log in by `hf auth login`"),
    "gated": ("org/gated", "'org/gated' is gated: ask for access on http.*/org/gated, then log in"),
    "no revision": ("org/public@v9", "'org/public' has no branch, tag or commit 'v9': http.*/org/public/tree/main"),
    "no file": ("org/half", r"'org/half' \(main\) has no model.safetensors, so it is not a ZM-Net"),
    "no id": ("org/a b", "'org/a b' is no id of a model on the Hugging Face Hub"),
}


@pytest.mark.parametrize("caller", CALLERS, ids=["Python", "command", "node"])
@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_says_what_is_wrong_and_what_to_do(hub, client, folder, caller, case):
    prepare(hub, folder)
    name, said = REFUSALS[case]
    message = client(caller, name)
    assert re.search(said, message), message


@pytest.mark.parametrize("caller", CALLERS, ids=["Python", "command", "node"])
@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_status_of_the_hub_is_explained_at_once(hub, client, caller, status):
    hub.fail_with = status
    start = time.monotonic()
    message = client(caller, "org/model")
    assert time.monotonic() - start < 5
    wanted = {
        403: "does not let you read 'org/model'",
        429: "too many requests",
        500: "answered 500",
        503: "answered 503",
    }
    assert wanted[status] in message, message


def test_token_lets_in_and_a_foreign_one_does_not(hub, client, model, folder, tmp_path):
    prepare(hub, folder)
    for name in ("org/secret", "org/gated"):
        assert client(load, name, token=TOKEN, cache_dir=tmp_path / "one") == picture(model)
    with pytest.raises(WeightsNotFoundError, match="shows no model 'org/secret' to the owner of the token"):
        client(load, "org/secret", token="hf_other", cache_dir=tmp_path / "two")
    with pytest.raises(WeightsNotFoundError, match="'org/gated' is gated"):
        client(load, "org/gated", token="hf_other", cache_dir=tmp_path / "two")
    with pytest.raises(WeightsNotFoundError, match="does not know the token it was sent: mistyped, or expired"):
        client(load, "org/public", token="hf_old", cache_dir=tmp_path / "two")


def test_model_of_a_newer_schema_on_the_hub_asks_for_an_update(hub, client, folder, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", config | {"schema": 7})
    publish(hub, folder, "org/newer")
    with pytest.raises(WrongModelError, match="has schema 7, this zmnet .* reads schema 1: .*Update zmnet"):
        client(load, "org/newer", cache_dir=tmp_path)


# The sentence encoder --------------------------------------------------------------------------


def small_encoder(folder: Path) -> None:
    """A sentence encoder with random weights, in the files that the real one has on the Hub."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"a picture in the mood of fog over water".split()]
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 384, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)


def encode_once(own: Path | None = None) -> list[float]:
    """By the encoder of this folder, else of the Hub."""
    from zmnet_core.signals import sentences

    sentences._encoder.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ZMNET_SENTENCE_ENCODER", raising=False)
        if own:
            patch.setenv("ZMNET_SENTENCE_ENCODER", str(own))
        return sentences.encode(["fog over water"])[0].tolist()


def test_sentence_encoder_is_downloaded_once_and_then_needs_no_hub(hub, client, tmp_path):
    pytest.importorskip("transformers", reason="needs the package transformers")
    small_encoder(tmp_path / "encoder")
    expected = client(encode_once, tmp_path / "encoder")
    assert len(expected) == 384
    publish(hub, tmp_path / "encoder", ENCODER, files=ENCODER_FILES)
    assert client(encode_once) == expected
    hub.reset()  # the Hub has it no more
    hub.fail_with = 500
    start = time.monotonic()
    assert client(encode_once) == expected
    assert time.monotonic() - start < 10


# No Hub ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.slow
def test_hub_that_does_not_answer_is_not_waited_for(hub, client, model, published, tmp_path):
    client(load, "org/model", cache_dir=tmp_path)
    hub.silent_for = 9
    for attempt in (
        lambda: client(load, "org/model", cache_dir=tmp_path) == picture(model),  # the cache has it
        lambda: "cannot be reached" in client(load_by_python, "org/other"),
    ):
        start = time.monotonic()
        assert attempt()
        assert time.monotonic() - start < 8


def test_hub_with_trouble_does_not_keep_a_cached_model_from_loading(hub, client, model, published, tmp_path):
    client(load, "org/model", cache_dir=tmp_path)
    for trouble in ({"fail_with": 500}, {"portal": True}):
        hub.fail_with, hub.portal = trouble.get("fail_with"), trouble.get("portal", False)
        assert client(load, "org/model", cache_dir=tmp_path) == picture(model)
        with pytest.raises(WeightsNotFoundError, match="answered 500|what answers is not the Hugging Face Hub"):
            client(load, "org/model", cache_dir=tmp_path, force_download=True)


@pytest.mark.slow
def test_no_connection_is_said_within_seconds(run, tmp_path):
    nowhere = f"http://127.0.0.1:{free_port()}"
    code = (
        "import sys, time; from zmnet_core.training.publish import ZMNet, push_run\n"
        "from zmnet_core.signals.sentences import encoder_folder\n"
        "push = lambda: push_run(sys.argv[1], 'org/model')\n"
        "for call in (lambda: ZMNet.from_pretrained('org/model'), push, encoder_folder):\n"
        "    start = time.monotonic()\n"
        "    try: call()\n"
        "    except Exception as error: print(time.monotonic() - start, error)"
    )
    variables = os.environ | environment(nowhere, tmp_path)
    done = subprocess.run([sys.executable, "-c", code, run], env=variables, capture_output=True, text=True, timeout=120)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    for line in lines:
        seconds, _, said = line.partition(" ")
        assert float(seconds) < 5 and said.startswith(f"{nowhere} cannot be reached (Connect")


@pytest.mark.slow
def test_model_in_the_cache_loads_without_connection(hub, client, model, published, folder, tmp_path):
    client(load, "org/model", cache_dir=tmp_path / "hub")  # where HF_HOME has it
    done = zmnet("words", "--model", "org/model", endpoint=f"http://127.0.0.1:{free_port()}", home=tmp_path)
    assert "'org/model' is guided by pictures only" in done.stderr  # so it was loaded
    assert "is taken from the cache: " in done.stderr


@pytest.mark.slow
def test_offline_mode_is_named(tmp_path):
    done = zmnet("words", "--model", "org/model", endpoint="http://127.0.0.1:9", home=tmp_path, HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set, and 'org/model' is neither a folder nor in the cache" in done.stderr
