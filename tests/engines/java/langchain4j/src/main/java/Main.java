import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.langchain4j.model.embedding.onnx.OnnxEmbeddingModel;
import dev.langchain4j.model.embedding.onnx.PoolingMode;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/** LangChain4j: {@code Main FOLDER ANSWER FILE CLS|MEAN}. */
public class Main {
  private static final String RELEASE = "/META-INF/maven/dev.langchain4j/langchain4j-embeddings/pom.properties";

  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]);
    OnnxEmbeddingModel model =
        new OnnxEmbeddingModel(
            folder.resolve(arguments[2]), folder.resolve("tokenizer.json"), PoolingMode.valueOf(arguments[3]));
    ObjectMapper json = new ObjectMapper();
    List<float[]> vectors = new ArrayList<>();
    for (JsonNode node : json.readTree(folder.resolve("goldens.json").toFile()).get("texts")) {
      vectors.add(embed(model, node.textValue()));
    }
    Properties release = new Properties();
    try (InputStream stream = OnnxEmbeddingModel.class.getResourceAsStream(RELEASE)) {
      release.load(stream);
    }
    Object answer = Map.of("version", release.getProperty("version"), "vectors", vectors);
    json.writeValue(Path.of(arguments[1]).toFile(), answer);
  }

  /** Gives null for a text without a token, which LangChain4j refuses. */
  private static float[] embed(OnnxEmbeddingModel model, String text) {
    try {
      return model.embed(text).content().vector();
    } catch (IllegalArgumentException refusal) {
      return null;
    }
  }
}
