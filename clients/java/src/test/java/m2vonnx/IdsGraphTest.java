package m2vonnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtSession;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The way of the README for tokenizers that no graph of code points can hold: token ids from a library. */
class IdsGraphTest {
    @Test
    void givesTheGoldens() throws Exception {
        Path folder = ModelFolder.path();
        Goldens goldens = Goldens.read(folder.resolve("goldens.json"));
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        try (HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.builder()
                        .optTokenizerPath(folder.resolve("tokenizer.json"))
                        .optAddSpecialTokens(false)
                        .optPadding(true)
                        .optTruncation(true)
                        .optMaxLength(512) // max_length of config.json
                        .build();
                OrtSession session = environment.createSession(folder.resolve("onnx/model.onnx").toString())) {
            Encoding[] encodings = tokenizer.batchEncode(goldens.texts());
            long[][] ids = Stream.of(encodings).map(Encoding::getIds).toArray(long[][]::new);
            long[][] mask = Stream.of(encodings).map(Encoding::getAttentionMask).toArray(long[][]::new);
            try (OnnxTensor inputIds = OnnxTensor.createTensor(environment, ids);
                    OnnxTensor attentionMask = OnnxTensor.createTensor(environment, mask);
                    OrtSession.Result result =
                            session.run(Map.of("input_ids", inputIds, "attention_mask", attentionMask))) {
                float[][] vectors = (float[][]) result.get("sentence_embedding").orElseThrow().getValue();
                assertEquals(0, goldens.largestDifference(vectors), Goldens.BOUND);
            }
            for (int i = 0; i < ids.length; i++) {
                int length = (int) Arrays.stream(mask[i]).sum();
                assertArrayEquals(goldens.tokenIds()[i], Arrays.copyOf(ids[i], length), goldens.texts().get(i));
            }
        }
    }
}
