"""Files of a model's folder that are damaged, unreadable, endless, or no files: one error that names them."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import AddedToken, normalizers

from m2v_onnx import StaticModel, TextGraph
from m2v_onnx.errors import ArgumentError, FolderError, M2vOnnxError
from m2v_onnx.export.verification import verify_folder
from m2v_onnx.system.onnx_runtime import open_session
from m2v_onnx.system.records.reading import read_texts
from m2v_onnx.teacher.loading import load_teacher
from tests.builders import ROWS, tiny_model, word_piece
from tests.faults.nodes import make_fifo, make_zero, without_rights

DEEP = "[" * 100_000


def replace_json(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def problems(folder):
    return {report.file: report.problem for report in verify_folder(folder)}


class TestTokenizers:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("normalizer", {"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
            (
                "normalizer",
                {"type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": "/"}]},
            ),
            (
                "pre_tokenizer",
                {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": False},
            ),
        ],
    )
    def test_what_the_library_cannot_load_is_damaged(self, folder, field, value):
        replace_json(folder / "tokenizer.json", **{field: value})
        with pytest.raises(FolderError, match="tokenizer.json"):
            StaticModel.from_pretrained(folder)

    @pytest.mark.parametrize("text", ["l’été", "Łódź", "“é”"])
    @pytest.mark.parametrize("n_texts", [1, 2000])
    def test_what_the_library_panics_on_is_refused(self, text, n_texts):
        tokenizer = word_piece()
        tokenizer.add_tokens([AddedToken("\u0301", normalized=True)])
        model = tiny_model(tokenizer=tokenizer, table=np.ones((7, 2), np.float32))
        with pytest.raises(
            FolderError, match=r"on which it panics \(AddedVocabulary bad split\): take another"
        ):
            model.encode([text] * n_texts)
        with pytest.raises(FolderError, match="on which it panics"):
            model.encode_reference([text])

    @pytest.mark.parametrize("bad_id", [6, 7, 3_000_000_000])
    def test_ids_beyond_the_table_are_refused(self, folder, bad_id):
        vocabulary = {"[PAD]": 0, "[UNK]": 1, "sun": 2, "moon": 3, "##light": 4, "!": bad_id}
        model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}
        replace_json(folder / "tokenizer.json", model=model)
        with pytest.raises(
            FolderError, match=f"the tokenizer's 6 tokens must have ids up to 5, found {bad_id}"
        ):
            StaticModel.from_pretrained(folder)

    @pytest.mark.parametrize("is_special", [True, False])
    @pytest.mark.parametrize("content", ["[Foo]", "Sun", "MOON"])
    def test_added_tokens_are_the_same_after_writing(self, tmp_path, content, is_special):
        tokenizer = word_piece()
        bert, tokenizer.normalizer = tokenizer.normalizer, normalizers.Sequence([])
        add = tokenizer.add_special_tokens if is_special else tokenizer.add_tokens
        n_added = add([AddedToken(content, normalized=True)])
        tokenizer.normalizer = bert  # the token is still looked for as the other normalizer wrote it
        table = np.vstack([ROWS, np.full((n_added, 2), 5, np.float32)])
        model = tiny_model(tokenizer=tokenizer, table=table)
        model.save_pretrained(tmp_path / "m")
        again = StaticModel.from_pretrained(tmp_path / "m")
        texts = ["[Foo] sun", "[foo]", "Sun SUN sun", "moon MOON", "x[Foo]y"]
        assert again.tokenize(texts) == model.tokenize(texts)
        np.testing.assert_array_equal(again.encode(texts), model.encode(texts))


class TestJson:
    @pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "goldens.json"])
    @pytest.mark.parametrize("start", [DEEP, '{"a":' * 100_000])
    def test_nested_too_deeply(self, folder, name, start):
        (folder / name).write_text(start)
        with pytest.raises(FolderError, match=name):
            list(verify_folder(folder))

    @pytest.mark.parametrize("name", ["modules.json", "config.json", "tokenizer.json"])
    @pytest.mark.parametrize("start", [DEEP, '{"a":' * 100_000])
    def test_a_teachers_nested_too_deeply(self, teacher, name, start):
        (teacher / name).write_text(start)
        with pytest.raises(M2vOnnxError, match=f"expected .*{name}"):
            load_teacher(teacher)

    @pytest.mark.parametrize("line", [DEEP, '{"text":' * 100_000, '{"text": ' + DEEP])
    def test_a_line_nested_too_deeply(self, tmp_path, line):
        (tmp_path / "a.jsonl").write_text(f'{{"text": "sun"}}\n{line}\n')
        with pytest.raises(ArgumentError, match="expected JSON in line 2 of .*a.jsonl, found damaged text"):
            list(read_texts(tmp_path / "a.jsonl"))

    @pytest.mark.parametrize("value", [True, 10**18, "512", 1.5, -1, 0, [512], {}, float("nan")])
    def test_max_length(self, folder, value):
        replace_json(folder / "config.json", max_length=value)
        with pytest.raises(FolderError, match="max_length in .*config.json must be a whole number from 1 to"):
            StaticModel.from_pretrained(folder)

    @pytest.mark.parametrize("value", [3, ["a"], {"a": 1}, True])
    def test_tokenizer_name(self, folder, value):
        replace_json(folder / "config.json", tokenizer_name=value)
        with pytest.raises(FolderError, match="tokenizer_name in .*config.json must be a string or null"):
            StaticModel.from_pretrained(folder)

    @pytest.mark.parametrize("value", [1, "yes", None, []])
    def test_normalize(self, folder, value):
        replace_json(folder / "config.json", normalize=value)
        with pytest.raises(FolderError, match="normalize in .*config.json must be true or false"):
            StaticModel.from_pretrained(folder)

    @pytest.mark.parametrize(
        "section",
        [
            {"schema_version": 1, "recipe": {"name": 1}},
            {"schema_version": 1, "recipe": {"name": "x", "normalize": "yes"}},
            {"schema_version": 1, "recipe": {"name": "x", "sif_coefficient": True}},
            {"schema_version": 1, "recipe": {"name": "x", "token_remove_pattern": 3}},
            {"schema_version": 1, "recipe": [1]},
            {"schema_version": "1", "recipe": None},
            [1, 2],
            3,
        ],
    )
    def test_our_own_section(self, folder, section):
        replace_json(folder / "config.json", m2v_onnx=section)
        with pytest.raises(
            FolderError, match="(recipe under m2v_onnx|m2v_onnx|schema_version) in .*config.json.*, found "
        ):
            StaticModel.from_pretrained(folder)

    @pytest.mark.parametrize(
        ("mapping", "message"),
        [
            (np.arange(6) + 2**32, "mapping must name rows of the table"),
            (np.arange(6) - 1, "mapping must name rows of the table"),
            (np.arange(6) + 1, "mapping must name rows of the table"),
            (np.arange(6.0), "mapping must hold whole numbers, found float64"),
            (np.arange(6, dtype=np.float16), "mapping must hold whole numbers, found float16"),
        ],
    )
    def test_mapping(self, folder, mapping, message):
        tensors = load_file(folder / "model.safetensors")
        save_file({**tensors, "mapping": mapping}, folder / "model.safetensors")
        with pytest.raises(FolderError, match=message):
            StaticModel.from_pretrained(folder)


class TestVerify:
    def wreck(self, path, wreck):
        content = path.read_bytes()
        path.unlink()
        if wreck == "folder":
            path.mkdir()
        elif wreck == "pipe":
            make_fifo(path)
        elif wreck == "empty":
            path.touch()
        elif wreck == "name":
            path.write_bytes(content.replace(b"sentence_embedding", b"sentence_\xffmbedding"))
        elif wreck == "other name":
            path.write_bytes(content.replace(b"sentence_embedding", b"sentence_embeddinX"))
        elif wreck == "other input":
            path.write_bytes(content.replace(b"attention_mask", b"attention_masK"))
        elif wreck == "no opset":
            path.write_bytes(content[: content.rindex(b"B\x04\n\x00\x10\x11")])

    @pytest.mark.parametrize(
        "wreck", ["folder", "pipe", "empty", "name", "other name", "other input", "no opset"]
    )
    def test_a_graph_that_cannot_be_read_is_wrong_and_the_others_go_on(self, folder, wreck):
        self.wreck(folder / "onnx/model.onnx", wreck)
        found = problems(folder)
        assert found["onnx/model.onnx"] is not None
        assert found["onnx/model_quantized.onnx"] is None

    @pytest.mark.parametrize("kind", ["tokens", "text", "tokenizer", "codepoints"])
    def test_a_graph_of_another_kind_is_wrong(self, folder, tmp_path, kind):
        tiny_model().save_pretrained(tmp_path / "other", graphs=(kind,), precisions=("fp32",))
        (other,) = (tmp_path / "other/onnx").iterdir()
        shutil.copy(other, folder / "onnx/model.onnx")
        found = problems(folder)
        assert found["onnx/model.onnx"] is not None
        assert found["onnx/model_quantized.onnx"] is None

    def test_a_graph_without_rights_is_wrong(self, folder):
        (folder / "onnx/model.onnx").chmod(0)
        with without_rights(folder):
            found = problems(folder)
        assert "Permission denied" in found["onnx/model.onnx"]
        assert found["onnx/model_quantized.onnx"] is None

    @pytest.mark.parametrize("ids", [None, [None], 3, "abc", [[1.5]], [["1"]], [[True]]], ids=repr)
    def test_goldens_with_other_ids(self, folder, ids):
        replace_json(folder / "goldens.json", token_ids=ids)
        with pytest.raises(FolderError, match="expected goldens in .*goldens.json, found damaged ones"):
            problems(folder)

    @pytest.mark.parametrize("field", ["texts", "vectors", "model_sha256"])
    @pytest.mark.parametrize("value", [None, 3, [[]]])
    def test_goldens_with_other_fields(self, folder, field, value):
        replace_json(folder / "goldens.json", **{field: value})
        with pytest.raises(FolderError, match="goldens"):
            problems(folder)

    def test_a_strangers_loops_are_not_run(self, tmp_path):
        tiny_model().save_pretrained(tmp_path / "m", graphs=("text",), precisions=("fp32",))
        path = tmp_path / "m/onnx/model_text.onnx"
        assert problems(tmp_path / "m") == {"onnx/model_text.onnx": None}
        path.write_bytes(path.read_bytes().replace(b"\x12\x08m2v-onnx", b"\x12\x08stranger", 1))
        assert "found another's with loops" in problems(tmp_path / "m")["onnx/model_text.onnx"]
        with pytest.raises(
            FolderError, match=r"another's with loops, which may never end: .*trust_graph=True"
        ):
            TextGraph.from_pretrained(tmp_path / "m")
        reports = list(verify_folder(tmp_path / "m", trust_graphs=True))
        assert [report.problem for report in reports] == [None]
        np.testing.assert_allclose(TextGraph(path, trust_graph=True).encode("sun"), [3, 4])


class TestTensorsOutside:
    @pytest.mark.parametrize("place", ["../secret", "{root}/secret", "link", "onnx/../../secret", ""])
    def test_they_are_not_read(self, tmp_path, place):
        tiny_model().save_pretrained(tmp_path / "m", table="shared", precisions=("fp32",))
        path, table = tmp_path / "m/model.onnx", tmp_path / "m/model.safetensors"
        shutil.copy(table, tmp_path / "secret")
        (tmp_path / "m/link").symlink_to(tmp_path / "secret")
        proto = onnx.load(path, load_external_data=False)
        (tensor,) = (one for one in proto.graph.initializer if one.external_data)
        (entry,) = (entry for entry in tensor.external_data if entry.key == "location")
        assert entry.value == "model.safetensors"
        open_session(path)
        entry.value = place.format(root=tmp_path)
        path.write_bytes(proto.SerializeToString())
        with pytest.raises(
            FolderError, match="expected the tensors of .*model.onnx in its folder, found some"
        ):
            open_session(path)
        assert problems(tmp_path / "m")["model.onnx"] is not None

    def test_a_key_in_another_form_is_refused(self, tmp_path):
        tiny_model().save_pretrained(tmp_path / "m", table="shared", precisions=("fp32",))
        path = tmp_path / "m/model.onnx"
        path.write_bytes(path.read_bytes().replace(b"\n\x08location\x12", b"\n\x88\x00location\x12"))
        (tmp_path / "m/model.safetensors").rename(tmp_path / "m/other")
        with pytest.raises(FolderError, match="model.onnx"):
            open_session(path)


class TestRights:
    @pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "goldens.json"])
    def test_a_file_that_may_not_be_read(self, folder, name):
        (folder / name).chmod(0)
        with (
            without_rights(folder),
            pytest.raises(FolderError, match=f"expected to read .*{name}, found Permission denied"),
        ):
            list(verify_folder(folder))

    @pytest.mark.parametrize("name", [".", "onnx"])
    @pytest.mark.parametrize("mode", [0o600, 0o644])
    def test_a_folder_that_may_not_be_entered(self, folder, name, mode):
        (folder / name).chmod(mode)
        try:
            with (
                without_rights(folder),
                pytest.raises(FolderError, match="expected to read .*, found Permission denied: check its r"),
            ):
                StaticModel.from_pretrained(folder, precision="fp32")
        finally:
            (folder / name).chmod(0o755)


class TestEntriesThatAreNoFiles:
    @pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "goldens.json"])
    @pytest.mark.parametrize("make", [make_fifo, make_zero])
    def test_pipes_and_devices_are_refused(self, folder, name, make):
        (folder / name).unlink()
        make(folder / name)
        with pytest.raises(FolderError, match=f"expected a regular file at .*{name}, found another kind of"):
            list(verify_folder(folder))

    @pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
    def test_a_link_to_an_endless_device_is_refused(self, folder, tmp_path, name):
        make_zero(tmp_path / "zero")
        (folder / name).unlink()
        (folder / name).symlink_to(tmp_path / "zero")
        with pytest.raises(FolderError, match=f"expected a regular file at .*{name}"):
            StaticModel.from_pretrained(folder)

    @pytest.mark.usefixtures("_no_compiled_mean")
    @pytest.mark.parametrize("name", ["onnx/model.onnx", "onnx/model_text.onnx"])
    def test_a_graph_that_is_a_pipe_is_refused(self, folder, name):
        (folder / name).unlink(missing_ok=True)
        make_fifo(folder / name)
        load = TextGraph.from_pretrained if "text" in name else StaticModel.from_pretrained
        with pytest.raises(FolderError, match=f"expected a regular file at .*{name}"):
            load(folder, precision="fp32").encode(["sun"] * 9)

    def test_a_card_that_is_a_pipe_stays(self, folder):
        (folder / "README.md").unlink()
        make_fifo(folder / "README.md")
        (folder / "notes").symlink_to("README.md")
        with pytest.raises(FolderError, match="expected to write the model beside"):
            tiny_model().save_pretrained(folder)
        assert StaticModel.from_pretrained(folder).dim == 2

    def test_a_model_that_is_a_pipe_is_refused(self, tmp_path):
        make_fifo(tmp_path / "m")
        with pytest.raises(FolderError, match="expected a static model with one of .* found none in .*m"):
            StaticModel.from_pretrained(tmp_path / "m")


class TestTheFileUnderALoadedModel:
    @pytest.fixture
    def loaded(self, folder):
        model = StaticModel.from_pretrained(folder)
        np.testing.assert_array_equal(model.encode("sun"), [3, 4])
        return model

    @pytest.mark.parametrize("damage", ["truncate", "rewrite", "append"])
    def test_writing_into_it_is_noticed(self, folder, loaded, damage):
        path = folder / "model.safetensors"
        content = path.read_bytes()
        with path.open("r+b") as file:
            if damage == "truncate":
                file.truncate(100)
            elif damage == "rewrite":
                file.seek(-48, os.SEEK_END)
                file.write(ROWS[::-1].tobytes())
            else:
                file.seek(0, os.SEEK_END)
                file.write(b"more")
        os.utime(path, ns=(1, 1))
        assert damage != "rewrite" or len(path.read_bytes()) == len(content)
        for encode in (
            loaded.encode,
            loaded.encode_as_sequence,
            lambda texts: list(loaded.encode_stream(texts)),
        ):
            with pytest.raises(
                FolderError, match="model.safetensors as it was when .*found it written to: load"
            ):
                encode(["sun"])

    def test_exchanging_it_is_fine(self, folder, loaded):
        tiny_model(table=ROWS[::-1].copy()).save_pretrained(folder)
        np.testing.assert_array_equal(loaded.encode("sun"), [3, 4])
        np.testing.assert_array_equal(StaticModel.from_pretrained(folder).encode("sun"), [0, 2])

    def test_a_table_in_memory_is_not_watched(self, folder):
        model = StaticModel.from_pretrained(folder, memory_map=False)
        with (folder / "model.safetensors").open("r+b") as file:
            file.truncate(100)
        np.testing.assert_array_equal(model.encode("sun"), [3, 4])


class TestLongLines:
    @pytest.mark.parametrize("line", [1, 2, 5000])
    def test_a_word_of_ten_megabytes_is_refused(self, tmp_path, line):
        lines = ["sun 1 2"] * (line - 1) + ["x" * 10_000_000 + " 1 2", "moon 3 4"]
        lines = [f"w{index}{text}" for index, text in enumerate(lines)]
        (tmp_path / "vectors.txt").write_text("\n".join(lines) + "\n")
        with pytest.raises(
            FolderError, match=f"vectors.txt, found a longer one, line {line}: fetch|in line {line}"
        ):
            StaticModel.from_pretrained(tmp_path / "vectors.txt")

    @pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv"])
    def test_a_line_of_a_hundred_megabytes_is_refused(self, tmp_path, name):
        (tmp_path / name).write_bytes(b"text\n" if name == "a.csv" else b'{"text": "sun"}\n')
        with (tmp_path / name).open("ab") as file:
            file.write(b"x" * 100_000_000)
        with pytest.raises(
            ArgumentError, match="expected lines of up to 16 MiB in .*, found a longer one, line 2"
        ):
            list(read_texts(tmp_path / name))


class TestOwnFolder:
    def test_graphs_of_the_same_table_stay(self, folder, caplog):
        before = {path.name: path.read_bytes() for path in (folder / "onnx").iterdir()}
        model = StaticModel.from_pretrained(folder)
        model.save_pretrained(folder, graphs=("text",), precisions=("fp32",))
        after = {path.name: path.read_bytes() for path in (folder / "onnx").iterdir()}
        assert after.keys() == {*before, "model_text.onnx"}
        assert {name: after[name] for name in before} == before
        assert set(problems(folder).values()) == {None}
        assert "`onnx/model_quantized.onnx`" in (folder / "README.md").read_text()
        assert caplog.messages == []

    def test_graphs_that_share_the_table_stay(self, tmp_path):
        tiny_model().save_pretrained(tmp_path / "m", table="shared", precisions=("fp32",))
        model = StaticModel.from_pretrained(tmp_path / "m")
        model.save_pretrained(tmp_path / "m", graphs=("tokens",), precisions=("int8",))
        assert problems(tmp_path / "m") == {"model.onnx": None, "onnx/model_tokens_quantized.onnx": None}

    @pytest.mark.parametrize("change", [{"normalize": True}, {"max_length": 3}, {"table": ROWS * 2}])
    def test_graphs_of_another_table_are_named(self, folder, caplog, change):
        tiny_model(**change).save_pretrained(folder, graphs=("text",), precisions=("fp32",))
        assert caplog.messages == [
            f"{folder}: removed onnx/model.onnx, onnx/model_quantized.onnx, of another table"
        ]
        assert problems(folder) == {"onnx/model_text.onnx": None}
