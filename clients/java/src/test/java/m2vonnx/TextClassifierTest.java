package m2vonnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.stream.IntStream;
import m2vonnx.TextClassifier.Classification;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class TextClassifierTest {
    private static TextClassifier classifier;
    private static Goldens goldens;

    @BeforeAll
    static void load() throws IOException {
        classifier = TextClassifier.load(ModelFolder.classifier());
        goldens = Goldens.read(ModelFolder.classifier().resolve("goldens.json"));
    }

    @AfterAll
    static void close() {
        classifier.close();
    }

    @Test
    void givesTheLabelsOfTheGoldensAndTheirProbabilities() {
        List<Classification> found = classifier.classify(goldens.texts());
        assertEquals(goldens.labels(), found.stream().map(Classification::label).toList());
        for (int i = 0; i < found.size(); i++) {
            float[] logits = goldens.logits()[i];
            double largest = IntStream.range(0, logits.length).mapToDouble(j -> logits[j]).max().orElseThrow();
            double sum = IntStream.range(0, logits.length)
                    .mapToDouble(j -> Math.exp(logits[j] - largest))
                    .sum();
            assertEquals(1 / sum, found.get(i).probability(), Goldens.BOUND);
        }
    }

    @Test
    void givesTheSameForOneTextAsForMany() {
        List<String> found = goldens.texts().stream().map(text -> classifier.classify(text).label()).toList();
        assertEquals(goldens.labels(), found);
    }

    @Test
    void ranksAllLabels() {
        List<Classification> ranked = classifier.rank("Striker scores twice in the cup final");
        assertEquals("sport", ranked.get(0).label());
        assertEquals(
                classifier.labels().stream().sorted().toList(),
                ranked.stream().map(Classification::label).sorted().toList());
        assertEquals(1, ranked.stream().mapToDouble(Classification::probability).sum(), Goldens.BOUND);
        for (int i = 1; i < ranked.size(); i++) {
            assertTrue(ranked.get(i - 1).probability() >= ranked.get(i).probability());
        }
    }

    @Test
    void theModelGivesTheVectorsThatLabelsAreMadeFrom() throws IOException {
        try (StaticModel model = StaticModel.load(ModelFolder.classifier())) {
            assertTrue(goldens.largestDifference(model.encode(goldens.texts())) <= Goldens.BOUND);
        }
    }

    @Test
    void givesNothingForNothing() {
        assertEquals(List.of(), classifier.classify(List.of()));
    }

    @Test
    void refusesWhatIsNoText() {
        assertThrows(NullPointerException.class, () -> classifier.classify((String) null));
        assertThrows(IllegalArgumentException.class, () -> classifier.classify("\ud83d"));
    }

    @Test
    void aModelThatGivesVectorsIsNoClassifier() {
        IOException error = assertThrows(IOException.class, () -> TextClassifier.load(ModelFolder.path()));
        assertTrue(error.getMessage().contains("found [codepoints] -> [sentence_embedding]"), error.getMessage());
    }

    @Test
    void aClosedClassifierSaysSo() throws IOException {
        TextClassifier closed = TextClassifier.load(ModelFolder.classifier());
        closed.close();
        assertThrows(IllegalStateException.class, () -> closed.classify("a text"));
    }

    @Test
    void labelsMayBeAnyText() {
        String json = "[\"plain\", \"\\\"quoted\\\", \\\\ and \\t\\n\", \"\\ud83d\\ude00 \\u00f1$1\", \"\"]";
        assertEquals(
                List.of("plain", "\"quoted\", \\ and \t\n", "\ud83d\ude00 \u00f1$1", ""),
                TextClassifier.readStrings(json));
        assertEquals(List.of(), TextClassifier.readStrings(null));
    }
}
