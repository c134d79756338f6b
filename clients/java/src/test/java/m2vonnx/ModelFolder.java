package m2vonnx;

import java.nio.file.Path;

/** The folders of the model and of the classifier that the tests run on. */
final class ModelFolder {
    private static final String VARIABLE = "M2V_ONNX_MODEL";
    private static final String CLASSIFIER = "M2V_ONNX_CLASSIFIER";

    private ModelFolder() {}

    static Path path() {
        return fromVariable(VARIABLE, "`m2v-onnx distill` and `m2v-onnx export --graph ids,codepoints`");
    }

    static Path classifier() {
        return fromVariable(CLASSIFIER, "`m2v-onnx train MODEL clients/browser/headlines.tsv --graph codepoints`");
    }

    private static Path fromVariable(String variable, String command) {
        String path = System.getenv(variable);
        if (path == null) {
            throw new IllegalStateException("expected the folder of a model in " + variable + ", found nothing:"
                    + " write one with " + command);
        }
        return Path.of(path);
    }
}
