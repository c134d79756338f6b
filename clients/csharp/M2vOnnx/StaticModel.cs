using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace M2vOnnx
{
    /// <summary>A static embedding model: text in, the mean of its tokens' vectors out.</summary>
    /// <remarks>
    /// It runs the model's code-points graph, which holds the tokenizer, so that onnxruntime is all it needs.
    /// Thread-safe: load a model once, and share it.
    /// </remarks>
    /// <example>
    /// <code>
    /// using (var model = StaticModel.Load("my-model"))
    /// {
    ///     float[] vector = model.Encode("It's dangerous to go alone!");
    /// }
    /// </code>
    /// </example>
    public sealed class StaticModel : IDisposable
    {
        private const string GraphName = "model_codepoints.onnx";
        private const string InputName = "codepoints";
        private const string OutputName = "sentence_embedding";
        private const int MaxBatchSize = 64;
        private const int MaxBatchCodePoints = 1 << 16;

        private readonly InferenceSession _session;

        // Disposal waits for the encodings under way: a session that is freed while it runs takes the process down.
        private readonly object _gate = new object();
        private int _encodings;
        private bool _disposed;

        private StaticModel(InferenceSession session, string name)
        {
            _session = session;
            Name = name;
            Dimension = session.OutputMetadata[OutputName].Dimensions[1];
        }

        /// <summary>The name of the model's folder.</summary>
        public string Name { get; }

        /// <summary>The number of components of every vector.</summary>
        public int Dimension { get; }

        /// <summary>Loads a model.</summary>
        /// <param name="path">
        /// A model's folder, or one of its code-points graphs, such as
        /// <c>my-model/onnx/model_codepoints_quantized.onnx</c>.
        /// </param>
        /// <exception cref="FileNotFoundException">There is no such graph.</exception>
        /// <exception cref="InvalidDataException">The file is damaged, or is a graph of another kind.</exception>
        public static StaticModel Load(string path)
        {
            string graph = FindGraph(path ?? throw new ArgumentNullException(nameof(path)));
            InferenceSession session = OpenSession(graph);
            IEnumerable<string> inputs = session.InputMetadata.Keys, outputs = session.OutputMetadata.Keys;
            if (inputs.SequenceEqual(new[] { InputName }) && outputs.SequenceEqual(new[] { OutputName }))
            {
                return new StaticModel(session, FolderName(graph));
            }
            string found = $"{string.Join(", ", inputs)} -> {string.Join(", ", outputs)}";
            session.Dispose();
            throw new InvalidDataException(
                $"Expected a code-points graph, {InputName} -> {OutputName}, in {graph}, found {found}: "
                + "write it with `m2v-onnx export --graph codepoints`.");
        }

        /// <summary>Embeds one text.</summary>
        /// <param name="text">Any text; an empty one, or one without a known token, gives zeros.</param>
        /// <returns>
        /// A vector of <see cref="Dimension"/> components, of length 1 if the model normalizes.
        /// </returns>
        /// <exception cref="ArgumentException">The text is null or holds a lone surrogate.</exception>
        /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
        public float[] Encode(string text)
        {
            CheckText(text, nameof(text), nameof(text));
            return EncodeAll(new[] { text }, CancellationToken.None)[0];
        }

        /// <summary>Embeds texts, in batches that run side by side on the thread pool.</summary>
        /// <param name="texts">Any number of texts.</param>
        /// <param name="cancellationToken">Stops the encoding as soon as the batches under way have ended.</param>
        /// <returns>A vector for each text, in the same order.</returns>
        /// <exception cref="ArgumentException">A text is null or holds a lone surrogate.</exception>
        /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
        /// <exception cref="OperationCanceledException">The token was cancelled. The model can be used on.</exception>
        public float[][] Encode(
            IReadOnlyList<string> texts, CancellationToken cancellationToken = default)
        {
            string[] all = (texts ?? throw new ArgumentNullException(nameof(texts))).ToArray();
            for (int i = 0; i < all.Length; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                CheckText(all[i], $"texts[{i}]", nameof(texts));
            }
            return EncodeAll(all, cancellationToken);
        }

        /// <summary>Frees the model's memory, once the encodings under way have finished.</summary>
        public void Dispose()
        {
            lock (_gate)
            {
                bool first = !_disposed;
                _disposed = true;
                while (_encodings > 0)
                {
                    Monitor.Wait(_gate);
                }
                if (first)
                {
                    _session.Dispose();
                }
            }
        }

        private static string FindGraph(string path)
        {
            string[] places = Directory.Exists(path)
                ? new[] { Path.Combine(path, "onnx", GraphName), Path.Combine(path, GraphName) }
                : new[] { path };
            return places.FirstOrDefault(File.Exists) ?? throw new FileNotFoundException(
                $"Expected a code-points graph at {places[0]}, found none: "
                + "write it with `m2v-onnx export --graph codepoints`.",
                places[0]);
        }

        private static string FolderName(string graph)
        {
            var folder = new FileInfo(graph).Directory;
            if (folder?.Name == "onnx")
            {
                folder = folder.Parent;
            }
            return folder?.Name ?? "";
        }

        private static InferenceSession OpenSession(string graph)
        {
            using (var options = new SessionOptions())
            {
                // Threads of its own slow this graph down; batches run side by side instead.
                options.IntraOpNumThreads = 1;
                try
                {
                    return new InferenceSession(graph, options);
                }
                catch (OnnxRuntimeException e)
                {
                    throw new InvalidDataException(
                        $"Expected an ONNX graph in {graph}, found a damaged one ({e.Message}): fetch the file again.",
                        e);
                }
            }
        }

        private static void CheckText(string text, string name, string parameter)
        {
            if (text == null)
            {
                throw new ArgumentNullException(
                    parameter, $"Expected a string for {name}, found null: leave it out, or pass \"\".");
            }
            for (int i = 0; i < text.Length; i++)
            {
                if (!char.IsSurrogate(text[i]))
                {
                    continue;
                }
                if (!char.IsSurrogatePair(text, i))
                {
                    throw new ArgumentException(
                        $"Expected valid Unicode in {name}, found the lone surrogate U+{(int)text[i]:X4} at index {i}: "
                        + "decode the text anew, or put U+FFFD there.",
                        parameter);
                }
                i++;
            }
        }

        private float[][] EncodeAll(string[] texts, CancellationToken cancellationToken)
        {
            var vectors = new float[texts.Length][];
            var options = new ParallelOptions { CancellationToken = cancellationToken };
            BeginEncoding();
            try
            {
                Parallel.ForEach(Batches(texts), options, batch => EncodeBatch(texts, batch, vectors));
            }
            finally
            {
                EndEncoding();
            }
            return vectors;
        }

        private void BeginEncoding()
        {
            lock (_gate)
            {
                if (_disposed)
                {
                    throw new ObjectDisposedException(
                        nameof(StaticModel),
                        "Expected an open model, found a disposed one: "
                        + "dispose it after its last use, or load it again.");
                }
                _encodings++;
            }
        }

        private void EndEncoding()
        {
            lock (_gate)
            {
                _encodings--;
                Monitor.PulseAll(_gate);
            }
        }

        /// <summary>The indices of texts that are run together: of like length, so that little is padding.</summary>
        private static IEnumerable<int[]> Batches(string[] texts)
        {
            int[] order = Enumerable.Range(0, texts.Length).OrderByDescending(i => texts[i].Length).ToArray();
            int size;
            for (int start = 0; start < order.Length; start += size)
            {
                int longest = Math.Max(1, texts[order[start]].Length);
                size = Math.Max(1, Math.Min(MaxBatchSize, MaxBatchCodePoints / longest));
                yield return order.Skip(start).Take(size).ToArray();
            }
        }

        private void EncodeBatch(string[] texts, int[] batch, float[][] vectors)
        {
            int length = Math.Max(1, texts[batch[0]].Length);
            var padded = new int[batch.Length * length];
            for (int row = 0; row < batch.Length; row++)
            {
                CopyCodePoints(texts[batch[row]], padded, row * length);
            }
            var input = NamedOnnxValue.CreateFromTensor(
                InputName, new DenseTensor<int>(padded, new[] { batch.Length, length }));
            using (var outputs = _session.Run(new[] { input }))
            {
                Memory<float> rows = ((DenseTensor<float>)outputs.Single().AsTensor<float>()).Buffer;
                for (int row = 0; row < batch.Length; row++)
                {
                    vectors[batch[row]] = rows.Slice(row * Dimension, Dimension).ToArray();
                }
            }
        }

        private static void CopyCodePoints(string text, int[] target, int offset)
        {
            for (int i = 0; i < text.Length; i++)
            {
                int codePoint = char.ConvertToUtf32(text, i);
                target[offset++] = codePoint;
                if (codePoint > char.MaxValue)
                {
                    i++;
                }
            }
        }
    }
}
