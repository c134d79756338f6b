package m2vonnx;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** Ranks documents for a query: the example of the README. */
public final class Main {
    private static final List<String> DOCUMENTS = List.of(
            "The restaurant closes at ten, but the bar stays open until midnight.",
            "Stir the onions slowly until they are golden brown.",
            "A new vaccine against malaria was approved this week.",
            "Our flight was delayed by three hours because of the storm.",
            "The central bank raised interest rates by half a percent.",
            "To reset your password, follow the link in the e-mail.",
            "The goalkeeper saved two penalties in the final.",
            "Photosynthesis turns light, water and carbon dioxide into sugar.");

    private Main() {}

    public static void main(String[] args) throws IOException {
        if (args.length != 2) {
            System.err.println("usage: Main MODEL QUERY");
            System.exit(2);
        }
        try (StaticModel model = StaticModel.load(Path.of(args[0]))) {
            float[] query = model.encode(args[1]);
            float[][] documents = model.encode(DOCUMENTS);
            IntStream.range(0, documents.length)
                    .boxed()
                    .sorted(Comparator.comparingDouble(i -> -cosine(query, documents[i])))
                    .forEach(i -> System.out.printf("%6.3f  %s%n", cosine(query, documents[i]), DOCUMENTS.get(i)));
        }
    }

    private static double cosine(float[] a, float[] b) {
        double product = dot(a, b);
        return product == 0 ? 0 : product / Math.sqrt(dot(a, a) * dot(b, b));
    }

    private static double dot(float[] a, float[] b) {
        return IntStream.range(0, a.length).mapToDouble(i -> (double) a[i] * b[i]).sum();
    }
}
