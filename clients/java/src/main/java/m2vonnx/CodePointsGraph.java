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

/** An open code-points graph: what {@link StaticModel} and {@link TextClassifier} run. Thread-safe. */
final class CodePointsGraph implements AutoCloseable {
    private static final String GRAPH = "model_codepoints.onnx";
    private static final String INPUT = "codepoints";
    private static final int MAX_BATCH_SIZE = 64;
    private static final int MAX_BATCH_CODE_POINTS = 1 << 16;

    private final OrtSession session;
    /** Shared by runs, exclusive to closing: a session that is freed while it runs takes the JVM down. */
    private final ReadWriteLock lock = new ReentrantReadWriteLock();
    private boolean closed;

    private CodePointsGraph(OrtSession session) {
        this.session = session;
    }

    /**
     * Opens a graph.
     *
     * @param path a model's folder, or one of its code-points graphs
     * @param outputs names that the graph's outputs must have among them
     * @param command what writes such a graph
     */
    static CodePointsGraph open(Path path, Set<String> outputs, String command) throws IOException {
        Path graph = find(path, command);
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            // Threads of its own slow this graph down; batches run side by side instead.
            options.setIntraOpNumThreads(1);
            OrtSession session = OrtEnvironment.getEnvironment().createSession(graph.toString(), options);
            if (session.getInputNames().equals(Set.of(INPUT))
                    && session.getOutputNames().containsAll(outputs)) {
                return new CodePointsGraph(session);
            }
            String found = session.getInputNames() + " -> " + session.getOutputNames();
            session.close();
            throw new IOException(String.format(
                    "expected a code-points graph, [%s] -> %s, in %s, found %s: write it with `%s`",
                    INPUT, outputs, graph, found, command));
        } catch (OrtException e) {
            throw new IOException(
                    "expected an ONNX graph in " + graph + ", found a damaged one (" + e.getMessage()
                            + "): fetch the file again",
                    e);
        }
    }

    /** Returns the number of columns of an output. */
    int width(String output) {
        try {
            return (int) ((TensorInfo) session.getOutputInfo().get(output).getInfo()).getShape()[1];
        } catch (OrtException e) {
            throw new IllegalStateException("onnxruntime could not describe the graph", e);
        }
    }

    /** Returns an entry of the graph's metadata; null where there is none. */
    String metadata(String key) {
        try {
            return session.getMetadata().getCustomMetadata().get(key);
        } catch (OrtException e) {
            throw new IllegalStateException("onnxruntime could not describe the graph", e);
        }
    }

    /**
     * Runs the graph on texts, in batches side by side on the common pool.
     *
     * @return for each output its rows, one for each text
     */
    float[][][] run(String[] texts, String... outputs) {
        float[][][] rows = new float[outputs.length][texts.length][];
        lock.readLock().lock();
        try {
            if (closed) {
                throw new IllegalStateException(
                        "expected an open model, found a closed one: close it after its last use, or load it again");
            }
            batches(texts).parallelStream().forEach(batch -> runBatch(texts, batch, outputs, rows));
        } finally {
            lock.readLock().unlock();
        }
        return rows;
    }

    /** Frees the graph's memory, once the runs under way have finished. Closing again does nothing. */
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

    static void checkText(String text, String name) {
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

    /** Returns the texts as an array, all of them checked. */
    static String[] checkTexts(List<String> texts) {
        String[] all = texts.toArray(String[]::new);
        for (int i = 0; i < all.length; i++) {
            checkText(all[i], "texts[" + i + "]");
        }
        return all;
    }

    private static Path find(Path path, String command) throws NoSuchFileException {
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
                "expected a code-points graph, found none: write it with `" + command + "`");
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

    private void runBatch(String[] texts, int[] batch, String[] outputs, float[][][] rows) {
        int length = Math.max(1, texts[batch[0]].length());
        int[] padded = new int[batch.length * length];
        for (int row = 0; row < batch.length; row++) {
            int[] codePoints = texts[batch[row]].codePoints().toArray();
            System.arraycopy(codePoints, 0, padded, row * length, codePoints.length);
        }
        long[] shape = {batch.length, length};
        try (OnnxTensor input =
                        OnnxTensor.createTensor(OrtEnvironment.getEnvironment(), IntBuffer.wrap(padded), shape);
                OrtSession.Result result = session.run(Map.of(INPUT, input), Set.of(outputs))) {
            for (int output = 0; output < outputs.length; output++) {
                float[][] found = (float[][]) result.get(outputs[output]).orElseThrow().getValue();
                for (int row = 0; row < batch.length; row++) {
                    rows[output][batch[row]] = found[row];
                }
            }
        } catch (OrtException e) {
            throw new IllegalStateException("onnxruntime could not run " + batch.length + " texts", e);
        }
    }
}
