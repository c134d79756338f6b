package m2vonnx;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Compares a model with a file of texts and their vectors, and prints a line of JSON.
 *
 * <p>{@code Check MODEL VECTORS [--soak]}: with {@code --soak}, 100,000 texts are encoded from eight threads first. The
 * exit code is 1 where vectors differ, or memory grows, by more than they may.
 */
public final class Check {
    private static final int SOAK_THREADS = 8;
    private static final int SOAK_TEXTS = 100_000;
    private static final long SOAK_BOUND_BYTES = 64 << 20;
    private static final double TIMED_SECONDS = 3;

    private Check() {}

    public static void main(String[] args) throws Exception {
        boolean soak = args.length == 3 && args[2].equals("--soak");
        if (args.length != 2 && !soak) {
            System.err.println("usage: Check MODEL VECTORS [--soak]");
            System.exit(2);
        }
        Goldens goldens = Goldens.read(Path.of(args[1]));
        try (StaticModel model = StaticModel.load(Path.of(args[0]))) {
            double difference = goldens.largestDifference(model.encode(goldens.texts()));
            long grown = soak ? bytesGrown(model, goldens) : 0;
            System.out.printf(
                    Locale.ROOT,
                    "{\"client\": \"java\", \"texts\": %d, \"largest_difference\": %.2e, "
                            + "\"texts_per_second\": %.0f%s}%n",
                    goldens.texts().size(),
                    difference,
                    textsPerSecond(model, goldens.texts()),
                    soak ? ", \"soak_texts\": " + SOAK_TEXTS + ", \"bytes_grown\": " + grown : "");
            System.exit(difference <= Goldens.BOUND && grown <= SOAK_BOUND_BYTES ? 0 : 1);
        }
    }

    private static double textsPerSecond(StaticModel model, List<String> texts) {
        encodeFor(TIMED_SECONDS, model, texts); // the compiler warms up
        return encodeFor(TIMED_SECONDS, model, texts);
    }

    private static double encodeFor(double atLeastSeconds, StaticModel model, List<String> texts) {
        long start = System.nanoTime();
        long encoded = 0;
        double seconds;
        do {
            encoded += model.encode(texts).length;
            seconds = (System.nanoTime() - start) * 1e-9;
        } while (seconds < atLeastSeconds);
        return encoded / seconds;
    }

    /** Returns by how much the process grew while it encoded the texts after a warm-up of as many. */
    private static long bytesGrown(StaticModel model, Goldens goldens) throws Exception {
        encodeFromThreads(model, goldens);
        long before = ResidentMemory.bytes();
        encodeFromThreads(model, goldens);
        return ResidentMemory.bytes() - before;
    }

    private static void encodeFromThreads(StaticModel model, Goldens goldens) throws Exception {
        Callable<Double> encoding = () -> goldens.largestDifference(model.encode(goldens.texts()));
        int times = (SOAK_TEXTS - 1) / goldens.texts().size() + 1;
        ExecutorService pool = Executors.newFixedThreadPool(SOAK_THREADS);
        try {
            for (Future<Double> difference : pool.invokeAll(Collections.nCopies(times, encoding))) {
                if (difference.get() > Goldens.BOUND) {
                    throw new IOException("expected the vectors of the file from every thread, found a difference of "
                            + difference.get());
                }
            }
        } finally {
            pool.shutdown();
        }
    }
}
