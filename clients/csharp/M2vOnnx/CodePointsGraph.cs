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
    /// <summary>
    /// An open code-points graph: what <see cref="StaticModel"/> and <see cref="TextClassifier"/> run. Thread-safe.
    /// </summary>
    internal sealed class CodePointsGraph : IDisposable
    {
        private const string GraphName = "model_codepoints.onnx";
        private const string InputName = "codepoints";
        private const int MaxBatchSize = 64;
        private const int MaxBatchCodePoints = 1 << 16;

        private readonly InferenceSession _session;

        // Disposal waits for the runs under way: a session that is freed while it runs takes the process down.
        private readonly object _gate = new object();
        private int _runs;
        private bool _disposed;

        private CodePointsGraph(InferenceSession session, string path)
        {
            _session = session;
            Path = path;
        }

        /// <summary>The file of the graph.</summary>
        public string Path { get; }

        /// <summary>The model's folder, which holds the graph, or a folder <c>onnx</c> with it.</summary>
        public DirectoryInfo Folder
        {
            get
            {
                DirectoryInfo folder = new FileInfo(Path).Directory;
                return folder.Name == "onnx" && folder.Parent != null ? folder.Parent : folder;
            }
        }

        /// <summary>Opens a graph.</summary>
        /// <param name="path">A model's folder, or one of its code-points graphs.</param>
        /// <param name="command">What writes such a graph.</param>
        /// <param name="outputs">Names that the graph's outputs must have among them.</param>
        public static CodePointsGraph Open(string path, string command, params string[] outputs)
        {
            string graph = FindGraph(path ?? throw new ArgumentNullException(nameof(path)), command);
            InferenceSession session = OpenSession(graph);
            IEnumerable<string> inputs = session.InputMetadata.Keys, found = session.OutputMetadata.Keys;
            if (inputs.SequenceEqual(new[] { InputName }) && !outputs.Except(found).Any())
            {
                return new CodePointsGraph(session, graph);
            }
            string signature = $"{string.Join(", ", inputs)} -> {string.Join(", ", found)}";
            session.Dispose();
            throw new InvalidDataException(
                $"Expected a code-points graph, {InputName} -> {string.Join(", ", outputs)}, in {graph}, "
                + $"found {signature}: write it with `{command}`.");
        }

        /// <summary>The number of columns of an output.</summary>
        public int Width(string output) => _session.OutputMetadata[output].Dimensions[1];

        /// <summary>Runs the graph on texts, in batches side by side on the thread pool.</summary>
        /// <returns>For each output its rows, one for each text.</returns>
        public float[][][] Run(string[] texts, CancellationToken cancellationToken, params string[] outputs)
        {
            float[][][] rows = outputs.Select(_ => new float[texts.Length][]).ToArray();
            var options = new ParallelOptions { CancellationToken = cancellationToken };
            Begin();
            try
            {
                Parallel.ForEach(Batches(texts), options, batch => RunBatch(texts, batch, outputs, rows));
            }
            finally
            {
                End();
            }
            return rows;
        }

        /// <summary>Frees the graph's memory, once the runs under way have finished.</summary>
        public void Dispose()
        {
            lock (_gate)
            {
                bool first = !_disposed;
                _disposed = true;
                while (_runs > 0)
                {
                    Monitor.Wait(_gate);
                }
                if (first)
                {
                    _session.Dispose();
                }
            }
        }

        /// <summary>Gives the texts as an array, all of them checked.</summary>
        public static string[] CheckTexts(IReadOnlyList<string> texts, CancellationToken cancellationToken)
        {
            string[] all = (texts ?? throw new ArgumentNullException(nameof(texts))).ToArray();
            for (int i = 0; i < all.Length; i++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                CheckText(all[i], $"texts[{i}]", nameof(texts));
            }
            return all;
        }

        public static void CheckText(string text, string name, string parameter)
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

        private static string FindGraph(string path, string command)
        {
            string[] places = Directory.Exists(path)
                ? new[] { System.IO.Path.Combine(path, "onnx", GraphName), System.IO.Path.Combine(path, GraphName) }
                : new[] { path };
            return places.FirstOrDefault(File.Exists) ?? throw new FileNotFoundException(
                $"Expected a code-points graph at {places[0]}, found none: "
                + $"write it with `{command}`.",
                places[0]);
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

        private void Begin()
        {
            lock (_gate)
            {
                if (_disposed)
                {
                    throw new ObjectDisposedException(
                        nameof(CodePointsGraph),
                        "Expected an open model, found a disposed one: "
                        + "dispose it after its last use, or load it again.");
                }
                _runs++;
            }
        }

        private void End()
        {
            lock (_gate)
            {
                _runs--;
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

        private void RunBatch(string[] texts, int[] batch, string[] outputs, float[][][] rows)
        {
            int length = Math.Max(1, texts[batch[0]].Length);
            var padded = new int[batch.Length * length];
            for (int row = 0; row < batch.Length; row++)
            {
                CopyCodePoints(texts[batch[row]], padded, row * length);
            }
            var input = NamedOnnxValue.CreateFromTensor(
                InputName, new DenseTensor<int>(padded, new[] { batch.Length, length }));
            using (var found = _session.Run(new[] { input }, outputs))
            {
                foreach (DisposableNamedOnnxValue output in found)
                {
                    Memory<float> values = ((DenseTensor<float>)output.AsTensor<float>()).Buffer;
                    int width = values.Length / batch.Length;
                    float[][] target = rows[Array.IndexOf(outputs, output.Name)];
                    for (int row = 0; row < batch.Length; row++)
                    {
                        target[batch[row]] = values.Slice(row * width, width).ToArray();
                    }
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
