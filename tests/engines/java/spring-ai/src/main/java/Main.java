import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.springframework.ai.transformers.TransformersEmbeddingModel;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Spring AI: {@code Main FOLDER ANSWER FILE}. */
public class Main {
  public static void main(String[] arguments) throws Exception {
    Path folder = Path.of(arguments[0]).toAbsolutePath();
    ObjectMapper json = new ObjectMapper();
    String limit = json.readTree(folder.resolve("config.json").toFile()).get("max_position_embeddings").asString();
    TransformersEmbeddingModel model = new TransformersEmbeddingModel();
    model.setDisableCaching(true);
    model.setModelResource("file:" + folder.resolve(arguments[2]));
    model.setTokenizerResource("file:" + folder.resolve("tokenizer.json"));
    model.setTokenizerOptions(Map.of("padding", "true", "modelMaxLength", limit));
    model.afterPropertiesSet();

    List<String> texts = new ArrayList<>();
    for (JsonNode text : json.readTree(folder.resolve("goldens.json").toFile()).get("texts")) {
      texts.add(text.asString());
    }
    String version = TransformersEmbeddingModel.class.getPackage().getImplementationVersion();
    Map<String, Object> answer = Map.of("version", version, "vectors", model.embed(texts));
    json.writeValue(Path.of(arguments[1]).toFile(), answer);
  }
}
