"""Finding teachers, and opening their ONNX files."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tokenizers import Tokenizer

from m2v_onnx.distill import distill
from m2v_onnx.errors import ArgumentError, FolderError, ProviderError, TeacherError
from m2v_onnx.teacher.loading import find_onnx, load_teacher
from m2v_onnx.teacher.options import Execution, TeacherSource
from m2v_onnx.teacher.session import TeacherSession
from tests.builders import (
    TEACHER_TOKENS,
    replace_json,
    teacher_rows,
    tiny_teacher_graph,
    word_piece,
    write_modules,
    write_tiny_teacher,
)


def test_a_teacher_that_is_onnx(teacher):
    loaded = load_teacher(teacher)
    assert loaded.name == "teacher"
    assert loaded.onnx_path == teacher / "onnx/model.onnx"
    assert (loaded.pad_token, loaded.unk_token) == ("[PAD]", "[UNK]")


@pytest.mark.parametrize("name", ["onnx/model.onnx", "model.onnx", "all-minilm-l6-v2.onnx"])
def test_where_an_onnx_file_may_lie(teacher, name):
    (teacher / "onnx/model.onnx").rename(teacher / "moved")
    (teacher / "moved").rename(teacher / name)
    assert find_onnx(teacher) == teacher / name


def test_two_onnx_files_of_unknown_names_are_none(teacher):
    (teacher / "onnx/model.onnx").rename(teacher / "a.onnx")
    (teacher / "b.onnx").write_bytes(b"")
    assert find_onnx(teacher) is None


def test_the_transformer_in_a_folder_of_its_own(tmp_path):
    inner = write_tiny_teacher(tmp_path / "teacher" / "0_Transformer")
    modules = [
        {"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (tmp_path / "teacher/modules.json").write_text(json.dumps(modules))
    loaded = load_teacher(tmp_path / "teacher")
    assert loaded.name == "teacher"
    assert loaded.onnx_path == inner / "onnx/model.onnx"


def test_other_modules_are_left_out_with_a_word(teacher, caplog):
    kinds = ("Transformer", "Pooling", "Dense", "Normalize")
    modules = [{"path": "", "type": f"sentence_transformers.models.{kind}"} for kind in kinds]
    (teacher / "modules.json").write_text(json.dumps(modules))
    load_teacher(teacher)
    assert caplog.text == ""
    distill(teacher, recipe="model2vec-0.10", pca_dims=None)
    assert "distilled without its module Dense" in caplog.text


def test_special_tokens_may_be_objects(teacher):
    (teacher / "special_tokens_map.json").unlink()
    config = {"pad_token": {"content": "[PAD]"}, "unk_token": None, "model_max_length": 128}
    (teacher / "tokenizer_config.json").write_text(json.dumps(config))
    loaded = load_teacher(teacher)
    assert (loaded.pad_token, loaded.unk_token) == ("[PAD]", None)


@pytest.mark.parametrize("pooling", [{"pooling_mode_lasttoken": True}, {"pooling_mode": "lasttoken"}])
def test_a_teacher_that_pools_its_last_token_is_distilled_so(teacher, pooling):
    write_modules(teacher, "Transformer", "Pooling", Pooling=pooling)
    assert distill(teacher, recipe="model2vec-0.10", pca_dims=None).config.recipe.pooling == "last"
    by_mean = distill(teacher, recipe="model2vec-0.10", pca_dims=None, pooling="mean")
    assert by_mean.config.recipe.pooling == "mean"


@pytest.mark.slow
def test_a_slow_tokenizer_is_converted(teacher, caplog):
    pytest.importorskip("transformers", reason="the extra optimum converts slow tokenizers")
    (teacher / "tokenizer.json").unlink()
    (teacher / "vocab.txt").write_text("\n".join(TEACHER_TOKENS))
    (teacher / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    model = distill(teacher, recipe="model2vec-0.10", pca_dims=None, weighting="none")
    assert "holds no tokenizer.json: transformers converts its tokenizer" in caplog.text
    assert model.tokenize(["The sunlight!"]) == [[2, 3, 5, 7]]
    np.testing.assert_allclose(model.table[3], teacher_rows()[[3, 7, 4]].mean(axis=0) + 0.02, rtol=1e-5)


@pytest.mark.parametrize(
    ("break_it", "error", "message"),
    [
        (
            lambda t: [(t / "config.json").unlink(), (t / "onnx/model.onnx").unlink()],
            TeacherError,
            "expected a Sentence Transformer with an ONNX file or a config.json in .*, found neither",
        ),
        (
            lambda t: (t / "modules.json").write_text(
                '[{"type": "sentence_transformers.models.StaticEmbedding"}]'
            ),
            TeacherError,
            "expected a Transformer among the modules in .*, found StaticEmbedding",
        ),
        (
            lambda t: (t / "modules.json").write_text('["x"]'),
            FolderError,
            "expected modules with a type and a path in .*modules.json, found 'x'",
        ),
        (
            lambda t: (t / "modules.json").write_text("{}"),
            FolderError,
            "JSON list in .*modules.json, found a dict",
        ),
        (
            lambda t: (t / "tokenizer.json").write_text("{}"),
            FolderError,
            "tokenizer.json, found a damaged one",
        ),
        (
            lambda t: (t / "onnx/model.onnx").write_bytes((t / "onnx/model.onnx").read_bytes()[:200]),
            TeacherError,
            "expected an ONNX graph that onnxruntime .* runs in .*model.onnx",
        ),
        (
            lambda t: (t / "onnx/model.onnx").write_bytes(b""),
            TeacherError,
            "expected an ONNX graph that onnxruntime .* runs in .*model.onnx",
        ),
    ],
)
def test_teachers_that_cannot_be_used(teacher, break_it, error, message):
    break_it(teacher)
    with pytest.raises(error, match=message):
        distill(teacher)


def pad_with_99(teacher):
    tokenizer = Tokenizer.from_file(str(teacher / "tokenizer.json"))
    tokenizer.enable_padding(length=8, pad_id=99)
    tokenizer.save(str(teacher / "tokenizer.json"))


def add_a_word(teacher):
    added = {"57": {"content": "acme"}}
    (teacher / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added}))


def take_another_tokenizer(teacher):
    word_piece((*TEACHER_TOKENS, "comet"), affixes=True).save(str(teacher / "tokenizer.json"))


@pytest.mark.parametrize(
    ("break_it", "largest"), [(pad_with_99, 99), (add_a_word, 12), (take_another_tokenizer, 12)]
)
def test_token_ids_beyond_the_teachers_table(teacher, break_it, largest):
    break_it(teacher)
    options = {"pca_dims": None, "vocabulary": ["acme", "sunmoon"], "added_tokens": "keep"}
    with pytest.raises(TeacherError, match=f"failed on .*, ids up to {largest} .*: export it again"):
        distill(teacher, word_padding="teacher", **options)
    replace_json(teacher / "config.json", vocab_size=12)
    message = (
        f"token ids below 12, the vocab_size in the config.json .*, found {largest}: take .*--word-padding"
    )
    with pytest.raises(TeacherError, match=message):
        distill(teacher, word_padding="teacher", **options)


def test_the_way_out_of_a_padding_that_the_teacher_does_not_know(teacher):
    pad_with_99(teacher)
    assert (
        distill(
            teacher, recipe="model2vec-0.10", pca_dims=None, vocabulary=["sunmoon"], word_padding="none"
        ).dim
        == 4
    )


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/teacher"])
def test_a_teacher_that_is_not_there(name):
    with pytest.raises(TeacherError, match="expected a teacher's folder or a Hub id, found nothing at"):
        distill(name)


def test_a_file_is_no_teacher(teacher):
    with pytest.raises(TeacherError, match="found the file .*config.json: name its folder"):
        distill(teacher / "config.json")


def test_reuse_without_an_onnx_file(teacher):
    (teacher / "onnx/model.onnx").unlink()
    with pytest.raises(TeacherError, match="expected onnx/model.onnx or model.onnx in .*--teacher-onnx auto"):
        distill(teacher, source=TeacherSource(onnx="reuse"))


def test_an_export_without_optimum_names_the_extra(teacher):
    (teacher / "onnx/model.onnx").unlink()
    script = (
        "import sys; sys.modules['optimum'] = None\n"
        "from m2v_onnx import M2vOnnxError; from m2v_onnx.distill import distill\n"
        f"try: distill({str(teacher)!r})\nexcept M2vOnnxError as error: print(error)"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "this needs the package " in result.stdout
    assert 'run `pip install "m2v-onnx[optimum]"`' in result.stdout


def open_graph(tmp_path, graph: onnx.ModelProto) -> TeacherSession:
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    return TeacherSession(tmp_path / "model.onnx", Execution(provider="cpu"))


class TestSession:
    @pytest.mark.parametrize("output", ["last_hidden_state", "token_embeddings", "output_0"])
    def test_the_token_level_output_is_found(self, tmp_path, output):
        session = open_graph(tmp_path, tiny_teacher_graph(output=output))
        assert session.width == 4
        hidden = session.hidden_states(np.array([[7, 8]]))
        np.testing.assert_allclose(hidden[0], teacher_rows()[[7, 8]] + [[0.01], [0.02]], rtol=1e-5)

    def test_inputs_of_32_bits_and_positions(self, tmp_path):
        graph = tiny_teacher_graph()
        for entry in graph.graph.input:
            entry.type.tensor_type.elem_type = TensorProto.INT32
        graph.graph.node[1].input[0] = "position_ids"
        graph.graph.node[1].op_type = "Identity"
        del graph.graph.node[1].input[1]
        graph.graph.input.append(helper.make_tensor_value_info("position_ids", TensorProto.INT64, ["b", "s"]))
        hidden = open_graph(tmp_path, graph).hidden_states(np.array([[7, 8]]))
        np.testing.assert_allclose(hidden[0], teacher_rows()[[7, 8]] + [[0.0], [0.01]], rtol=1e-5)

    def test_no_token_level_output(self, tmp_path):
        graph = tiny_teacher_graph(output="logits")
        graph.graph.node.append(helper.make_node("ReduceMean", ["logits"], ["pooled"], axes=[1], keepdims=0))
        graph.graph.output[0].CopyFrom(
            helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["batch", 4])
        )
        with pytest.raises(TeacherError, match="expected one token-level output .* found 0 among pooled"):
            open_graph(tmp_path, graph)

    def test_several_token_level_outputs(self, tmp_path):
        graph = tiny_teacher_graph(output="one")
        graph.graph.node.append(helper.make_node("Neg", ["one"], ["two"]))
        graph.graph.output.append(helper.make_tensor_value_info("two", TensorProto.FLOAT, ["b", "s", 4]))
        with pytest.raises(TeacherError, match="expected one token-level output .* found 2 among one, two"):
            open_graph(tmp_path, graph)

    @pytest.mark.parametrize(
        "output", ["logits", "lm_logits", "present.0.key", "past_key_values.0.value", "loss"]
    )
    def test_the_output_of_another_head_is_none(self, tmp_path, output):
        message = f"found 0 among {output}: export the teacher again .--teacher-onnx export"
        with pytest.raises(TeacherError, match=message):
            open_graph(tmp_path, tiny_teacher_graph(output=output))

    def test_a_head_beside_the_hidden_states_does_not_matter(self, tmp_path):
        graph = tiny_teacher_graph(output="states")
        graph.graph.node.append(helper.make_node("Neg", ["states"], ["logits"]))
        graph.graph.output.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", "s", 4]))
        hidden = open_graph(tmp_path, graph).hidden_states(np.array([[7]]))
        np.testing.assert_allclose(hidden[0], teacher_rows()[[7]] + 0.01, rtol=1e-5)

    def test_a_decoder_with_a_cache(self, tmp_path):
        graph = tiny_teacher_graph()
        for layer in range(12):
            name = f"past_key_values.{layer}.key"
            graph.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 2, "s", 4]))
        message = r"found inputs input_ids, attention_mask, past_.* … ?: export the teacher \(--teacher-onnx"
        with pytest.raises(TeacherError, match=message):
            open_graph(tmp_path, graph)

    def test_no_text_encoder(self, tmp_path):
        graph = tiny_teacher_graph()
        graph.graph.input[0].name = "pixel_values"
        graph.graph.node[0].input[1] = "pixel_values"
        with pytest.raises(
            TeacherError, match="expected a text encoder .* found inputs pixel_values, attention"
        ):
            open_graph(tmp_path, graph)

    def test_a_graph_of_one_fixed_length(self, tmp_path):
        graph = tiny_teacher_graph()
        for entry in graph.graph.input:
            entry.type.tensor_type.shape.dim[1].dim_value = 128
        with pytest.raises(
            TeacherError, match=r"takes any batch of token ids, .* failed on \(1, 1\), ids .*export it again"
        ):
            open_graph(tmp_path, graph)

    def test_half_precision_comes_out_as_float32(self, tmp_path):
        graph = tiny_teacher_graph(output="full")
        graph.graph.node.append(
            helper.make_node("Cast", ["full"], ["last_hidden_state"], to=TensorProto.FLOAT16)
        )
        graph.graph.output[0].CopyFrom(
            helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT16, ["b", "s", 4])
        )
        assert open_graph(tmp_path, graph).hidden_states(np.array([[7]])).dtype == np.float32

    @pytest.mark.parametrize("name", ["hidden_size", "d_model", "dim", "n_embd"])
    @pytest.mark.parametrize("output", ["last_hidden_state", "token_embeddings", "output_0"])
    def test_a_width_that_the_config_does_not_say(self, teacher, name, output):
        graph = tiny_teacher_graph(len(TEACHER_TOKENS), output=output)  # a value for each token
        (teacher / "onnx/model.onnx").write_bytes(graph.SerializeToString())
        (teacher / "config.json").write_text(json.dumps({"model_type": "bert", name: 4}))
        message = f"hidden states of 4 numbers, .* in output {output} of .*, found 12: export the teacher"
        with pytest.raises(TeacherError, match=message):
            distill(teacher)

    def test_no_pooler(self, tmp_path):
        session = open_graph(tmp_path, tiny_teacher_graph())
        with pytest.raises(TeacherError, match="has no output pooler_output, which pooling='pooler' needs"):
            session.pooler_output(np.array([[7]]))

    @pytest.mark.parametrize(
        ("provider", "message"),
        [
            (
                "cuda",
                "expected CUDAExecutionProvider, but onnxruntime offers .*; installed: onnxruntime .*: run "
                "`pip install --force-reinstall --no-deps onnxruntime-gpu`",
            ),
            ("coreml", "expected CoreMLExecutionProvider, but onnxruntime offers .*: run on macOS"),
        ],
    )
    def test_a_provider_that_is_not_there(self, teacher, provider, message):
        import onnxruntime

        available = onnxruntime.get_available_providers()
        if any(name.lower().startswith(provider) for name in available):
            pytest.skip(f"this machine's onnxruntime has {provider}")
        with pytest.raises(ProviderError, match=message):
            distill(teacher, execution=Execution(provider=provider))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"provider": "tpu"}, "provider must be one of auto, cpu, cuda, coreml, found 'tpu'"),
            ({"batch_size": 0}, "batch_size must be 1 or more, found 0"),
            ({"n_threads": -1}, "n_threads must be 1 or more, found -1"),
            ({"precision": "int8", "provider": "cuda"}, "expected the provider cpu for a teacher in int8"),
        ],
    )
    def test_options_out_of_range(self, options, message):
        with pytest.raises(ArgumentError, match=message):
            Execution(**options)

    def test_an_unknown_onnx_mode(self):
        with pytest.raises(
            ArgumentError, match="teacher_onnx must be one of auto, reuse, export, found 'torch'"
        ):
            TeacherSource(onnx="torch")


class TestPipeline:
    def test_a_whole_distillation_by_hand(self, teacher):
        model = distill(teacher, recipe="model2vec-0.10", pca_dims=None, weighting="none", normalize=False)
        rows = teacher_rows()
        ids = {token: i for i, token in enumerate(TEACHER_TOKENS)}
        for token, token_id in model.tokenizer.get_vocab().items():
            expected = rows[[ids["[CLS]"], ids[token], ids["[SEP]"]]].mean(axis=0) + 0.02
            np.testing.assert_allclose(model.table[token_id], expected, rtol=1e-5)
        np.testing.assert_allclose(model.encode("sun moon"), model.table[[3, 4]].mean(axis=0), rtol=1e-5)
        assert model.config.teacher == "teacher"

    def test_weights_by_rank(self, teacher):
        plain = distill(teacher, recipe="model2vec-0.10", pca_dims=None, weighting="none")
        weighted = distill(teacher, recipe="model2vec-0.10", pca_dims=None, sif_coefficient=0.1)
        inverse_rank = 1 / np.arange(2, 10)
        expected = 0.1 / (0.1 + inverse_rank / inverse_rank.sum())
        np.testing.assert_allclose(weighted.table / plain.table, expected[:, None].repeat(4, 1), rtol=1e-5)

    def test_recipe_0_1_has_a_zero_row_and_no_unit_vectors(self, teacher):
        model = distill(teacher, recipe="model2vec-0.1", pca_dims=2)
        np.testing.assert_array_equal(model.table[0], 0)
        assert not model.config.normalize
        assert model.config.recipe.pooling == "inner"

    @pytest.mark.parametrize("n_threads", [1, 2])
    def test_the_same_teacher_gives_the_same_bytes(self, teacher, tmp_path, n_threads):
        paths = [tmp_path / "one/model", tmp_path / "two/model"]  # the card holds the folder's name
        for path, execution in zip(
            paths, (Execution(n_threads=n_threads), Execution(n_threads=2)), strict=True
        ):
            words = ["star", "full moon"]
            distill(
                teacher, vocabulary=words, pca_dims=3, sequences=300, execution=execution
            ).save_pretrained(path)
        files = [
            {p.relative_to(path): p.read_bytes() for p in path.rglob("*.*") if p.is_file()} for path in paths
        ]
        assert files[0] == files[1]
        assert len(files[0]) == 13

    def test_only_the_users_words(self, teacher, tmp_path):
        (tmp_path / "words.tsv").write_text("moon\t5\nsunlight\t9\n")
        model = distill(
            teacher,
            vocabulary=tmp_path / "words.tsv",
            recipe="model2vec-0.10",
            vocabulary_mode="only",
            pca_dims=None,
            weighting="none",
        )
        rows = teacher_rows()
        np.testing.assert_allclose(model.table[2], rows[[3, 7, 9, 4]].mean(axis=0) + 0.025, rtol=1e-5)
        assert model.tokenize(["moon sunlight sun"]) == [[3, 2]]

    def test_the_vocabulary_mode_of_recipe_0_1_by_hand(self, teacher):
        # Capitals, an accent, a duplicate, a blank, and words that the teacher does not know as a whole.
        words = ["sun", "Sun", "sunlights", "sun", "", "élan"]
        model = distill(
            teacher, recipe="model2vec-0.1", vocabulary_mode="only", vocabulary=words, pca_dims=None
        )
        assert model.tokenizer.get_vocab() == {
            "[UNK]": 0,
            "[PAD]": 1,
            "sun": 2,
            "Sun": 3,
            "sunlights": 4,
            "élan": 5,
        }
        rows = teacher_rows()
        first, second, third = 0.02, 0.03, 0.04  # what the teacher adds at positions 2, 3 and 4
        sun = rows[7] + first
        sunlights = (rows[7] + first + rows[9] + second + rows[10] + third) / 3
        unknown = rows[2] + first
        expected = [0 * unknown, np.log(2) * (rows[0] + first), np.log(3) * sun, np.log(4) * sun]
        expected += [np.log(5) * sunlights, np.log(6) * unknown]
        np.testing.assert_allclose(model.table, expected, rtol=1e-5)
        assert model.tokenize(["Sun sun SUN elan élan, unknown"]) == [[3, 2, 5]]
        np.testing.assert_allclose(
            model.encode("sunlights sun?"), (model.table[4] + model.table[2]) / 2, rtol=1e-5
        )

    def test_float16(self, teacher):
        assert (
            distill(teacher, recipe="model2vec-0.10", pca_dims=2, dtype="float16").table.dtype == np.float16
        )

    def test_the_default_number_of_components_fits_itself(self, teacher, caplog):
        assert distill(teacher, recipe="model2vec-0.10").dim == 4
        assert (
            "pca_dims 256 of recipe model2vec-0.10 is too many for 8 tokens of width 4; using 4"
            in caplog.text
        )

    def test_too_many_components_asked_for(self, teacher):
        with pytest.raises(ArgumentError, match="pca_dims must be at most the teacher's width, 4, found 5"):
            distill(teacher, pca_dims=5)

    def test_only_needs_words(self, teacher):
        with pytest.raises(ArgumentError, match="vocabulary_mode 'only' needs a vocabulary"):
            distill(teacher, vocabulary_mode="only")

    def test_a_vocabulary_may_be_a_path_in_a_string_or_a_generator(self, teacher, tmp_path):
        (tmp_path / "words.txt").write_text("star\n")
        by_path = distill(teacher, vocabulary=str(tmp_path / "words.txt"), sequences=300, pca_dims=2)
        by_words = distill(teacher, vocabulary=(word for word in ["star"]), sequences=300, pca_dims=2)
        assert by_path.tokenizer.get_vocab() == by_words.tokenizer.get_vocab()
        assert "star" in by_path.tokenizer.get_vocab()
        with pytest.raises(ArgumentError, match=r"vocabulary\[1\] must be a string, found int: 3"):
            distill(teacher, vocabulary=["star", 3])

    def test_a_sif_coefficient_means_sif(self, teacher):
        assert (
            distill(teacher, recipe="model2vec-0.1", pca_dims=2, sif_coefficient=1e-3).config.recipe.weighting
            == "sif"
        )
        assert (
            distill(
                teacher, recipe="model2vec-0.10", pca_dims=2, sif_coefficient=None
            ).config.recipe.weighting
            == "none"
        )
        with pytest.raises(
            ArgumentError, match="weighting and sif_coefficient must agree, found 'zipf' and 0.001"
        ):
            distill(teacher, weighting="zipf", sif_coefficient=1e-3)

    def test_an_unknown_recipe(self, teacher):
        with pytest.raises(
            ArgumentError,
            match="recipe must be one of m2v-onnx-1, model2vec-0.10, model2vec-0.1, found 'new'",
        ):
            distill(teacher, recipe="new")
