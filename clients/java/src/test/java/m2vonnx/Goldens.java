package m2vonnx;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Texts and the vectors that the Python side gave for them; token ids too in a model's own {@code goldens.json}, and
 * logits and labels in a classifier's.
 */
record Goldens(List<String> texts, long[][] tokenIds, float[][] vectors, float[][] logits, List<String> labels) {
    /** The largest difference between clients, per component. */
    static final double BOUND = 1e-5;

    static Goldens read(Path path) throws IOException {
        try (Reader reader = Files.newBufferedReader(path)) {
            return new GsonBuilder()
                    .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
                    .create()
                    .fromJson(reader, Goldens.class);
        }
    }

    double largestDifference(float[][] found) {
        return largestDifference(found, vectors);
    }

    /** Returns the largest difference of two components; NaN where one is NaN. */
    static double largestDifference(float[][] found, float[][] expected) {
        assertEquals(expected.length, found.length, "vectors");
        double largest = 0;
        for (int i = 0; i < found.length; i++) {
            assertEquals(expected[i].length, found[i].length, "components");
            for (int j = 0; j < expected[i].length; j++) {
                largest = Math.max(largest, Math.abs((double) found[i][j] - expected[i][j]));
            }
        }
        return largest;
    }
}
