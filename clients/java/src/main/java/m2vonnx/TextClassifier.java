package m2vonnx;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * A text classifier: text in, a label and its probability out.
 *
 * <p>It runs the code-points graph of a classifier's folder, which holds tokenizer, table, head and labels.
 *
 * <p>Thread-safe: load a classifier once, and share it.
 *
 * <pre>{@code
 * try (TextClassifier classifier = TextClassifier.load(Path.of("my-classifier"))) {
 *     TextClassifier.Classification found = classifier.classify("Striker scores twice in the final");
 *     System.out.println(found.label() + " " + found.probability());
 * }
 * }</pre>
 */
public final class TextClassifier implements AutoCloseable {
    private static final String LOGITS = "logits";
    private static final String PROBABILITIES = "probabilities";
    private static final String COMMAND = "m2v-onnx train MODEL DATA FOLDER --graph codepoints";
    /** A string of JSON in ASCII, as it stands in the graph's metadata. */
    private static final Pattern JSON_STRING = Pattern.compile("\"((?:[^\"\\\\]|\\\\.)*)\"");

    private static final Pattern JSON_ESCAPE = Pattern.compile("\\\\(?:u([0-9a-fA-F]{4})|(.))");

    private final CodePointsGraph graph;
    private final List<String> labels;

    /** A label of a text, and how probable it is. */
    public record Classification(String label, float probability) {}

    private TextClassifier(CodePointsGraph graph, List<String> labels) {
        this.graph = graph;
        this.labels = labels;
    }

    /**
     * Loads a classifier.
     *
     * @param path a classifier's folder, or one of its code-points graphs
     * @return the classifier, to be closed after its last use
     * @throws NoSuchFileException if there is no such graph
     * @throws IOException if the file is damaged, or is a graph of another kind
     */
    public static TextClassifier load(Path path) throws IOException {
        CodePointsGraph graph = CodePointsGraph.open(path, Set.of(LOGITS, PROBABILITIES), COMMAND);
        List<String> labels = readStrings(graph.metadata("labels"));
        if (labels.size() != graph.width(LOGITS)) {
            graph.close();
            throw new IOException(String.format(
                    "expected %d labels in the metadata of %s, found %d: write it with `%s`",
                    graph.width(LOGITS), path, labels.size(), COMMAND));
        }
        return new TextClassifier(graph, labels);
    }

    /** Returns all labels, in the order of the graph. */
    public List<String> labels() {
        return labels;
    }

    /**
     * Returns the likeliest label of a text.
     *
     * @param text any text; one without a known token gets what is likeliest of any text
     * @throws NullPointerException if the text is null
     * @throws IllegalArgumentException if the text holds a lone surrogate
     * @throws IllegalStateException if the classifier is closed
     */
    public Classification classify(String text) {
        return rank(text).get(0);
    }

    /**
     * Returns the likeliest label of each text, in batches that run side by side on the common pool.
     *
     * @param texts any number of texts, none of them null
     * @return a label for each text, in the same order
     * @throws NullPointerException if a text is null
     * @throws IllegalArgumentException if a text holds a lone surrogate
     * @throws IllegalStateException if the classifier is closed
     */
    public List<Classification> classify(List<String> texts) {
        return rankAll(CodePointsGraph.checkTexts(texts)).stream()
                .map(ranked -> ranked.get(0))
                .toList();
    }

    /**
     * Returns all labels of a text, the likeliest first. The exceptions are those of {@link #classify(String)}.
     *
     * @param text any text
     */
    public List<Classification> rank(String text) {
        CodePointsGraph.checkText(text, "text");
        return rankAll(text).get(0);
    }

    /** Frees the classifier's memory, once the calls under way have finished. Closing again does nothing. */
    @Override
    public void close() {
        graph.close();
    }

    private List<List<Classification>> rankAll(String... texts) {
        float[][][] rows = graph.run(texts, LOGITS, PROBABILITIES);
        List<List<Classification>> ranked = new ArrayList<>();
        for (int i = 0; i < texts.length; i++) {
            float[] logits = rows[0][i];
            float[] probabilities = rows[1][i];
            // By logits: probabilities near 1 may be equal. The sort keeps the order of equal ones.
            ranked.add(IntStream.range(0, labels.size())
                    .boxed()
                    .sorted(Comparator.comparingDouble(column -> -logits[column]))
                    .map(column -> new Classification(labels.get(column), probabilities[column]))
                    .toList());
        }
        return ranked;
    }

    /** Returns the strings of a JSON list; none where there is no list. */
    static List<String> readStrings(String json) {
        return json == null
                ? List.of()
                : JSON_STRING
                        .matcher(json)
                        .results()
                        .map(found -> unescape(found.group(1)))
                        .toList();
    }

    private static String unescape(String text) {
        return JSON_ESCAPE.matcher(text).replaceAll(found -> {
            String code = found.group(1);
            char character = code == null
                    ? switch (found.group(2).charAt(0)) {
                        case 'b' -> '\b';
                        case 'f' -> '\f';
                        case 'n' -> '\n';
                        case 'r' -> '\r';
                        case 't' -> '\t';
                        default -> found.group(2).charAt(0);
                    }
                    : (char) Integer.parseInt(code, 16);
            return Matcher.quoteReplacement(String.valueOf(character));
        });
    }
}
