package m2vonnx;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/**
 * A static embedding model: text in, the mean of its tokens' vectors out.
 *
 * <p>It runs the model's code-points graph, which holds the tokenizer and uses standard operators alone, so that
 * onnxruntime is all it needs. Code points, not strings: onnxruntime for Java refuses strings with characters above
 * U+FFFF, such as emoji.
 *
 * <p>Thread-safe: load a model once, and share it.
 *
 * <pre>{@code
 * try (StaticModel model = StaticModel.load(Path.of("my-model"))) {
 *     float[] vector = model.encode("It's dangerous to go alone!");
 * }
 * }</pre>
 */
public final class StaticModel implements AutoCloseable {
    private static final String OUTPUT = "sentence_embedding";

    private final CodePointsGraph graph;
    private final int dimension;

    private StaticModel(CodePointsGraph graph) {
        this.graph = graph;
        this.dimension = graph.width(OUTPUT);
    }

    /**
     * Loads a model.
     *
     * @param path a model's folder, or one of its code-points graphs, such as {@code
     *     my-model/onnx/model_codepoints_quantized.onnx}; a classifier's gives the vectors that labels are made from
     * @return the model, to be closed after its last use
     * @throws NoSuchFileException if there is no such graph
     * @throws IOException if the file is damaged, or is a graph of another kind
     */
    public static StaticModel load(Path path) throws IOException {
        return new StaticModel(
                CodePointsGraph.open(path, Set.of(OUTPUT), "m2v-onnx export --graph codepoints"));
    }

    /** Returns the number of components of every vector. */
    public int dimension() {
        return dimension;
    }

    /**
     * Embeds one text.
     *
     * @param text any text; an empty one, or one without a known token, gives zeros
     * @return a vector of {@link #dimension()} components, of length 1 if the model normalizes
     * @throws NullPointerException if the text is null
     * @throws IllegalArgumentException if the text holds a lone surrogate
     * @throws IllegalStateException if the model is closed
     */
    public float[] encode(String text) {
        CodePointsGraph.checkText(text, "text");
        return graph.run(new String[] {text}, OUTPUT)[0][0];
    }

    /**
     * Embeds texts, in batches that run side by side on the common pool.
     *
     * @param texts any number of texts, none of them null
     * @return a vector for each text, in the same order
     * @throws NullPointerException if a text is null
     * @throws IllegalArgumentException if a text holds a lone surrogate
     * @throws IllegalStateException if the model is closed
     */
    public float[][] encode(List<String> texts) {
        return graph.run(CodePointsGraph.checkTexts(texts), OUTPUT)[0];
    }

    /** Frees the model's memory, once the encodings under way have finished. Closing again does nothing. */
    @Override
    public void close() {
        graph.close();
    }
}
