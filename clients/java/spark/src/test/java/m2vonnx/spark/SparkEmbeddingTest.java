package m2vonnx.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import java.io.ByteArrayOutputStream;
import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.SparkException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SparkEmbeddingTest {
    private static final Path FOLDER = Path.of(System.getenv("M2V_ONNX_MODEL"));
    private static final double BOUND = 1e-5;
    private static final int REPEATS = 50;

    private static SparkSession spark;
    private static Goldens goldens;

    /** What a model's folder says of its vectors. */
    private record Goldens(List<String> texts, float[][] vectors) {}

    @BeforeAll
    static void start() throws Exception {
        spark = SparkSession.builder()
                .master("local[2]")
                .config("spark.ui.enabled", "false")
                .getOrCreate();
        goldens = new Gson().fromJson(Files.readString(FOLDER.resolve("goldens.json")), Goldens.class);
    }

    @AfterAll
    static void stop() {
        spark.stop();
    }

    /** Returns the goldens many times, with nulls between them. */
    private static Dataset<Row> texts() {
        StructType schema = new StructType().add("id", DataTypes.IntegerType).add("text", DataTypes.StringType);
        int n = goldens.texts().size();
        List<Row> rows = IntStream.range(0, REPEATS * (n + 1))
                .mapToObj(i -> RowFactory.create(i, i % (n + 1) == n ? null : goldens.texts().get(i % (n + 1))))
                .toList();
        return spark.createDataFrame(rows, schema).repartition(5);
    }

    private static void check(List<Row> rows) {
        int n = goldens.texts().size();
        assertEquals(REPEATS * (n + 1), rows.size());
        List<Integer> ids = new ArrayList<>();
        for (Row row : rows) {
            int place = row.getInt(0) % (n + 1);
            ids.add(row.getInt(0));
            List<Float> found = row.getList(2);
            assertEquals(place == n ? null : goldens.texts().get(place), row.getString(1));
            for (int j = 0; j < found.size(); j++) {
                assertEquals(place == n ? 0 : goldens.vectors()[place][j], found.get(j), BOUND);
            }
            assertEquals(goldens.vectors()[0].length, found.size());
        }
        assertEquals(IntStream.range(0, rows.size()).boxed().toList(), ids.stream().sorted().toList());
    }

    @Test
    void givesTheGoldens() {
        Dataset<Row> embedded = new SparkEmbedding(FOLDER.toString()).transform(texts(), "text", "embedding");
        assertArrayEquals(new String[] {"id", "text", "embedding"}, embedded.columns());
        check(embedded.collectAsList());
    }

    @Test
    void takesAGraphThatWasShipped() {
        spark.sparkContext().addFile(FOLDER.resolve("onnx/model_codepoints.onnx").toString());
        check(new SparkEmbedding("model_codepoints.onnx").transform(texts(), "text", "v").collectAsList());
    }

    @Test
    void writesParquet(@TempDir Path place) {
        String path = place.resolve("embedded.parquet").toString();
        new SparkEmbedding(FOLDER.toString()).transform(texts(), "text", "embedding").write().parquet(path);
        check(spark.read().parquet(path).collectAsList());
    }

    @Test
    void travelsAsAName() throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
            out.writeObject(new SparkEmbedding("/models/my-model"));
        }
        assertTrue(bytes.size() < 200);
    }

    @Test
    void namesAModelThatAnExecutorCannotSee() {
        Dataset<Row> embedded = new SparkEmbedding("/nowhere/my-model").transform(texts(), "text", "embedding");
        SparkException error = assertThrows(SparkException.class, embedded::collectAsList);
        assertTrue(error.getMessage().contains("expected the model /nowhere/my-model on every executor, found none on"));
    }

    @Test
    void namesAColumnThatDoesNotFit() {
        SparkEmbedding embedding = new SparkEmbedding(FOLDER.toString());
        assertRefused("expected a column of strings body, found id, text:", embedding, "body", "embedding");
        assertRefused("expected a column of strings id, found int:", embedding, "id", "embedding");
        assertRefused("expected no column id, found one:", embedding, "text", "id");
    }

    private static void assertRefused(String message, SparkEmbedding embedding, String text, String vectors) {
        IllegalArgumentException error = assertThrows(
                IllegalArgumentException.class, () -> embedding.transform(texts(), text, vectors));
        assertTrue(error.getMessage().startsWith(message), error.getMessage());
    }
}
