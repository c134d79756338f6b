package m2vonnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StaticModelTest {
    private static final Path FOLDER = ModelFolder.path();
    private static final int THREADS = 8;

    private static StaticModel model;
    private static Goldens goldens;

    @BeforeAll
    static void load() throws IOException {
        model = StaticModel.load(FOLDER);
        goldens = Goldens.read(FOLDER.resolve("goldens.json"));
    }

    @AfterAll
    static void close() {
        model.close();
    }

    @Test
    void givesTheGoldens() {
        assertEquals(0, goldens.largestDifference(model.encode(goldens.texts())), Goldens.BOUND);
    }

    @Test
    void givesTheSameForOneTextAsForMany() {
        float[][] alone = goldens.texts().stream().map(model::encode).toArray(float[][]::new);
        assertEquals(0, goldens.largestDifference(alone), Goldens.BOUND);
    }

    @Test
    void keepsTheOrderOfManyTexts() {
        List<Integer> shuffled = new ArrayList<>();
        for (int i = 0; i < 20 * goldens.texts().size(); i++) {
            shuffled.add(i % goldens.texts().size());
        }
        Collections.shuffle(shuffled, new Random(7));
        float[][] found = model.encode(shuffled.stream().map(goldens.texts()::get).toList());
        float[][] expected = shuffled.stream().map(i -> goldens.vectors()[i]).toArray(float[][]::new);
        assertEquals(0, Goldens.largestDifference(found, expected), Goldens.BOUND);
    }

    @Test
    void givesNoVectorForNoText() {
        assertEquals(0, model.encode(List.of()).length);
    }

    @Test
    void givesZerosForAnEmptyText() {
        assertArrayEquals(new float[model.dimension()], model.encode(""));
    }

    @Test
    void takesTextsOfAnyLength() {
        assertArrayEquals(model.encode("sun ".repeat(1_000)), model.encode("sun ".repeat(100_000)), 1e-5f);
    }

    @Test
    void encodesFromManyThreads() throws InterruptedException, ExecutionException {
        ExecutorService pool = Executors.newFixedThreadPool(THREADS);
        try {
            List<Future<float[][]>> encodings = new ArrayList<>();
            for (int i = 0; i < 10 * THREADS; i++) {
                encodings.add(pool.submit(() -> model.encode(goldens.texts())));
            }
            for (Future<float[][]> encoding : encodings) {
                assertEquals(0, goldens.largestDifference(encoding.get()), Goldens.BOUND);
            }
        } finally {
            pool.shutdownNow();
        }
    }

    @Test
    void encodesAHundredThousandTextsWithoutGrowing() throws IOException {
        assumeTrue(ResidentMemory.isKnown());
        List<String> texts = Collections.nCopies(1_000, "a secret");
        encodeRepeatedly(texts, 20);
        long before = ResidentMemory.bytes();
        encodeRepeatedly(texts, 100);
        long grown = ResidentMemory.bytes() - before;
        assertTrue(grown < 32 << 20, "grew by " + grown + " bytes");
    }

    private static void encodeRepeatedly(List<String> texts, int times) {
        for (int i = 0; i < times; i++) {
            model.encode(texts);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "a\uD83D, U+D83D, 1",
        "\uDE00, U+DE00, 0",
        "ab\uDE00\uD83D, U+DE00, 2",
        "\uD83D\uDE00\uD83Dc, U+D83D, 2"
    })
    void refusesLoneSurrogates(String text, String surrogate, int index) {
        var error = assertThrows(IllegalArgumentException.class, () -> model.encode(List.of("fine", text)));
        assertTrue(
                error.getMessage().contains("texts[1], found the lone surrogate " + surrogate + " at index " + index),
                error.getMessage());
    }

    @Test
    void refusesNull() {
        var error = assertThrows(NullPointerException.class, () -> model.encode((String) null));
        assertTrue(error.getMessage().startsWith("expected a string for text, found null"));
        error = assertThrows(NullPointerException.class, () -> model.encode(Arrays.asList("fine", null)));
        assertTrue(error.getMessage().startsWith("expected a string for texts[1], found null"));
    }

    @Test
    void refusesAFolderWithoutTheGraph(@TempDir Path empty) {
        var error = assertThrows(NoSuchFileException.class, () -> StaticModel.load(empty));
        assertTrue(error.getMessage().contains("m2v-onnx export --graph codepoints"), error.getMessage());
        assertThrows(NoSuchFileException.class, () -> StaticModel.load(empty.resolve("nowhere")));
    }

    @Test
    void refusesAGraphOfAnotherKind() {
        var error = assertThrows(IOException.class, () -> StaticModel.load(FOLDER.resolve("onnx/model.onnx")));
        assertTrue(error.getMessage().contains("found [input_ids, attention_mask"), error.getMessage());
    }

    @Test
    void refusesADamagedGraph(@TempDir Path folder) throws IOException {
        byte[] graph = Files.readAllBytes(FOLDER.resolve("onnx/model_codepoints.onnx"));
        for (int length : new int[] {0, 100, graph.length / 2}) {
            Files.write(folder.resolve("model_codepoints.onnx"), Arrays.copyOf(graph, length));
            var error = assertThrows(IOException.class, () -> StaticModel.load(folder), length + " bytes");
            assertTrue(error.getMessage().startsWith("expected "), error.getMessage());
        }
    }

    @Test
    void refusesToEncodeOnceClosed() throws IOException {
        StaticModel closed = StaticModel.load(FOLDER);
        closed.close();
        closed.close();
        var error = assertThrows(IllegalStateException.class, () -> closed.encode("text"));
        assertTrue(error.getMessage().startsWith("expected an open model"), error.getMessage());
    }

    @Test
    void closesWhileOthersEncode() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(THREADS);
        StaticModel shared = StaticModel.load(FOLDER);
        try {
            shared.encode("warm");
            List<Future<?>> encodings = new ArrayList<>();
            for (int i = 0; i < THREADS; i++) {
                encodings.add(pool.submit(() -> {
                    while (true) {
                        shared.encode(goldens.texts());
                    }
                }));
            }
            Thread.sleep(200);
            shared.close();
            for (Future<?> encoding : encodings) {
                var error = assertThrows(ExecutionException.class, encoding::get);
                assertEquals(IllegalStateException.class, error.getCause().getClass());
            }
        } finally {
            pool.shutdownNow();
        }
    }
}
