package m2vonnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import java.io.IOException;
import java.nio.IntBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.IntStream;

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
    private static final String GRAPH = "model_codepoints.onnx";
    private static final String INPUT = "codepoints";
    private static final String OUTPUT = "sentence_embedding";
    private static final int MAX_BATCH_SIZE = 64;
    private static final int MAX_BATCH_CODE_POINTS = 1 << 16;

    private final OrtSession session;
    private final int dimension;
    /** Shared by encodings, exclusive to closing: a session that is freed while it runs takes the JVM down. */
    private final ReadWriteLock lock = new ReentrantReadWriteLock();
    private boolean closed;

    private StaticModel(OrtSession session, int dimension) {
        this.session = session;
        this.dimension = dimension;
    }

    /**
     * Loads a model.
     *
     * @param path a model's folder, or one of its code-points graphs, such as {@code
     *     my-model/onnx/model_codepoints_quantized.onnx}
     * @return the model, to be closed after its last use
     * @throws NoSuchFileException if there is no such graph
     * @throws IOException if the file is damaged, or is a graph of another kind
     */
    public static StaticModel load(Path path) throws IOException {
        Path graph = findGraph(path);
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            // Threads of its own slow this graph down; batches run side by side instead.
            options.setIntraOpNumThreads(1);
            return open(OrtEnvironment.getEnvironment().createSession(graph.toString(), options), graph);
        } catch (OrtException e) {
            throw new IOException(
                    "expected an ONNX graph in " + graph + ", found a damaged one (" + e.getMessage()
                            + "): fetch the file again",
                    e);
        }
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
        checkText(text, "text");
        return encodeAll(text)[0];
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
        String[] all = texts.toArray(String[]::new);
        for (int i = 0; i < all.length; i++) {
            checkText(all[i], "texts[" + i + "]");
        }
        return encodeAll(all);
    }

    /** Frees the model's memory, once the encodings under way have finished. Closing again does nothing. */
    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            if (!closed) {
                closed = true;
                session.close();
            }
        } catch (OrtException e) {
            throw new IllegalStateException("onnxruntime could not free the model", e);
        } finally {
            lock.writeLock().unlock();
        }
    }

    private static Path findGraph(Path path) throws NoSuchFileException {
        List<Path> places = Files.isDirectory(path)
                ? List.of(path.resolve("onnx").resolve(GRAPH), path.resolve(GRAPH))
                : List.of(path);
        for (Path place : places) {
            if (Files.isRegularFile(place)) {
                return place;
            }
        }
        throw new NoSuchFileException(
                places.get(0).toString(),
                null,
                "expected a code-points graph, found none: write it with `m2v-onnx export --graph codepoints`");
    }

    private static StaticModel open(OrtSession session, Path graph) throws OrtException, IOException {
        Set<String> inputs = session.getInputNames();
        Set<String> outputs = session.getOutputNames();
        if (!inputs.equals(Set.of(INPUT)) || !outputs.equals(Set.of(OUTPUT))) {
            session.close();
            throw new IOException(String.format(
                    "expected a code-points graph, [%s] -> [%s], in %s, found %s -> %s:"
                            + " write it with `m2v-onnx export --graph codepoints`",
                    INPUT, OUTPUT, graph, inputs, outputs));
        }
        TensorInfo output = (TensorInfo) session.getOutputInfo().get(OUTPUT).getInfo();
        return new StaticModel(session, (int) output.getShape()[1]);
    }

    private static void checkText(String text, String name) {
        if (text == null) {
            throw new NullPointerException(
                    "expected a string for " + name + ", found null: leave it out, or pass \"\"");
        }
        int codePoint;
        for (int i = 0; i < text.length(); i += Character.charCount(codePoint)) {
            codePoint = text.codePointAt(i);
            if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) {
                throw new IllegalArgumentException(String.format(
                        "expected valid Unicode in %s, found the lone surrogate U+%04X at index %d:"
                                + " decode the text anew, or put U+FFFD there",
                        name, codePoint, i));
            }
        }
    }

    private float[][] encodeAll(String... texts) {
        float[][] vectors = new float[texts.length][];
        lock.readLock().lock();
        try {
            if (closed) {
                throw new IllegalStateException(
                        "expected an open model, found a closed one: close it after its last use, or load it again");
            }
            batches(texts).parallelStream().forEach(batch -> encodeBatch(texts, batch, vectors));
        } finally {
            lock.readLock().unlock();
        }
        return vectors;
    }

    /** Returns the indices of the texts that are run together: of like length, so that little is padding. */
    private static List<int[]> batches(String[] texts) {
        int[] order = IntStream.range(0, texts.length)
                .boxed()
                .sorted(Comparator.comparingInt(i -> -texts[i].length()))
                .mapToInt(Integer::intValue)
                .toArray();
        List<int[]> batches = new ArrayList<>();
        int size;
        for (int start = 0; start < order.length; start += size) {
            int longest = Math.max(1, texts[order[start]].length());
            size = Math.max(1, Math.min(MAX_BATCH_SIZE, MAX_BATCH_CODE_POINTS / longest));
            batches.add(Arrays.copyOfRange(order, start, Math.min(start + size, order.length)));
        }
        return batches;
    }

    private void encodeBatch(String[] texts, int[] batch, float[][] vectors) {
        int length = Math.max(1, texts[batch[0]].length());
        int[] padded = new int[batch.length * length];
        for (int row = 0; row < batch.length; row++) {
            int[] codePoints = texts[batch[row]].codePoints().toArray();
            System.arraycopy(codePoints, 0, padded, row * length, codePoints.length);
        }
        long[] shape = {batch.length, length};
        try (OnnxTensor input =
                        OnnxTensor.createTensor(OrtEnvironment.getEnvironment(), IntBuffer.wrap(padded), shape);
                OrtSession.Result result = session.run(Map.of(INPUT, input))) {
            float[][] rows = (float[][]) result.get(0).getValue();
            for (int row = 0; row < batch.length; row++) {
                vectors[batch[row]] = rows[row];
            }
        } catch (OrtException e) {
            throw new IllegalStateException("onnxruntime could not encode " + batch.length + " texts", e);
        }
    }
}
