package m2vonnx;

import java.nio.file.Path;

/** The folder of the model that the tests run on. */
final class ModelFolder {
    private static final String VARIABLE = "M2V_ONNX_MODEL";

    private ModelFolder() {}

    static Path path() {
        String path = System.getenv(VARIABLE);
        if (path == null) {
            throw new IllegalStateException("expected the folder of a model in " + VARIABLE + ", found nothing:"
                    + " write one with `m2v-onnx distill` and `m2v-onnx export --graph ids,codepoints`");
        }
        return Path.of(path);
    }
}
