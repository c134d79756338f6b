package m2vonnx.spark;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import m2vonnx.StaticModel;
import org.apache.spark.SparkFiles;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Embeds a column of texts in Spark, inside its executors: no Python worker.
 *
 * <p>It travels as a name. Each executor loads the model when its first row comes, and all of its tasks share it.
 *
 * <pre>{@code
 * Dataset<Row> embedded = new SparkEmbedding("/models/my-model").transform(texts, "text", "embedding");
 * }</pre>
 */
public final class SparkEmbedding implements Serializable {
    private static final long serialVersionUID = 1;
    private static final int BATCH_SIZE = 1024;
    private static final ConcurrentHashMap<String, StaticModel> MODELS = new ConcurrentHashMap<>();

    private final String name;

    /**
     * Makes an embedding by a model's name.
     *
     * @param name the path of a model's folder or of its code-points graph, the same on every executor; or the name
     *     of a graph that was shipped to them by {@code --files} or {@code SparkContext.addFile}
     */
    public SparkEmbedding(String name) {
        this.name = name;
    }

    /**
     * Adds a column of vectors; nothing runs until Spark asks for rows.
     *
     * @param rows any rows
     * @param textColumn the column that holds the texts; a null gives a vector of zeros
     * @param embeddingColumn the name of the new column, an array of floats
     * @return the rows with the new column behind theirs
     * @throws IllegalArgumentException if there is no such column of strings, or a column of the new name
     */
    public Dataset<Row> transform(Dataset<Row> rows, String textColumn, String embeddingColumn) {
        StructType before = rows.schema();
        List<String> names = Arrays.asList(before.fieldNames());
        int column = names.indexOf(textColumn);
        if (column < 0 || !before.apply(column).dataType().equals(DataTypes.StringType)) {
            String found = column < 0 ? String.join(", ", names) : before.apply(column).dataType().simpleString();
            throw new IllegalArgumentException(
                    "expected a column of strings " + textColumn + ", found " + found + ": name another, or cast it");
        }
        if (names.contains(embeddingColumn)) {
            throw new IllegalArgumentException(
                    "expected no column " + embeddingColumn + ", found one: name another for the vectors");
        }
        StructType after = before.add(embeddingColumn, DataTypes.createArrayType(DataTypes.FloatType, false), false);
        MapPartitionsFunction<Row, Row> embed = partition -> new EmbeddedRows(model(), partition, column);
        return rows.mapPartitions(embed, Encoders.row(after));
    }

    private StaticModel model() {
        return MODELS.computeIfAbsent(name, SparkEmbedding::load);
    }

    private static StaticModel load(String name) {
        Path path = Path.of(name);
        Path place = Files.exists(path) ? path : Path.of(SparkFiles.get(name));
        try {
            if (!Files.exists(place)) {
                throw new IOException("expected the model " + name + " on every executor, found none on "
                        + InetAddress.getLocalHost().getHostName() + ": put it on a disk that all of them see, or"
                        + " ship its graph by --files");
            }
            return StaticModel.load(place);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The rows of a partition with their vectors, made in batches. */
    private static final class EmbeddedRows implements Iterator<Row> {
        private final StaticModel model;
        private final Iterator<Row> rows;
        private final int column;
        private Iterator<Row> batch = Collections.emptyIterator();

        EmbeddedRows(StaticModel model, Iterator<Row> rows, int column) {
            this.model = model;
            this.rows = rows;
            this.column = column;
        }

        @Override
        public boolean hasNext() {
            return batch.hasNext() || rows.hasNext();
        }

        @Override
        public Row next() {
            if (!batch.hasNext()) {
                batch = embedNext().iterator();
            }
            return batch.next();
        }

        private List<Row> embedNext() {
            List<Row> found = new ArrayList<>(BATCH_SIZE);
            List<String> texts = new ArrayList<>(BATCH_SIZE);
            while (found.size() < BATCH_SIZE && rows.hasNext()) {
                Row row = rows.next();
                found.add(row);
                texts.add(row.isNullAt(column) ? "" : row.getString(column));
            }
            float[][] vectors = model.encode(texts);
            for (int i = 0; i < vectors.length; i++) {
                Row row = found.get(i);
                Object[] values = new Object[row.size() + 1];
                for (int j = 0; j < row.size(); j++) {
                    values[j] = row.get(j);
                }
                values[row.size()] = vectors[i];
                found.set(i, RowFactory.create(values));
            }
            return found;
        }
    }
}
