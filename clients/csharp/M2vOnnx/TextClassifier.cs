using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;

namespace M2vOnnx
{
    /// <summary>A label of a text, and how probable it is.</summary>
    public readonly struct Classification
    {
        /// <summary>Makes one of its parts.</summary>
        public Classification(string label, float probability)
        {
            Label = label;
            Probability = probability;
        }

        /// <summary>The label.</summary>
        public string Label { get; }

        /// <summary>How probable it is, from 0 to 1.</summary>
        public float Probability { get; }

        /// <inheritdoc/>
        public override string ToString() => FormattableString.Invariant($"{Label} ({Probability:0.000})");
    }

    /// <summary>A text classifier: text in, a label and its probability out.</summary>
    /// <remarks>
    /// It runs the code-points graph of a classifier's folder, which holds tokenizer, table, head and labels.
    /// Thread-safe: load a classifier once, and share it.
    /// </remarks>
    /// <example>
    /// <code>
    /// using (var classifier = TextClassifier.Load("my-classifier"))
    /// {
    ///     Classification found = classifier.Classify("Striker scores twice in the final");
    /// }
    /// </code>
    /// </example>
    public sealed class TextClassifier : IDisposable
    {
        private const string Logits = "logits";
        private const string Probabilities = "probabilities";
        private const string Command = "m2v-onnx train MODEL DATA FOLDER --graph codepoints";

        // In the folder's config.json, as m2v-onnx writes it.
        private static readonly Regex LabelTable = new Regex(
            @"""id2label""\s*:\s*\{(?:\s*""\d+""\s*:\s*""((?:[^""\\]|\\.)*)""\s*,?)*\s*\}");

        private static readonly Regex JsonEscape = new Regex(@"\\(?:u([0-9a-fA-F]{4})|(.))");

        private readonly CodePointsGraph _graph;

        private TextClassifier(CodePointsGraph graph, IReadOnlyList<string> labels)
        {
            _graph = graph;
            Labels = labels;
        }

        /// <summary>All labels, in the order of the graph.</summary>
        public IReadOnlyList<string> Labels { get; }

        /// <summary>Loads a classifier.</summary>
        /// <param name="path">
        /// A classifier's folder, or one of its code-points graphs; the labels are in the folder's <c>config.json</c>.
        /// </param>
        /// <exception cref="FileNotFoundException">There is no such graph.</exception>
        /// <exception cref="InvalidDataException">The file is damaged, or is a graph of another kind.</exception>
        public static TextClassifier Load(string path)
        {
            CodePointsGraph graph = CodePointsGraph.Open(path, Command, Logits, Probabilities);
            string config = Path.Combine(graph.Folder.FullName, "config.json");
            IReadOnlyList<string> labels = File.Exists(config) ? ReadLabels(File.ReadAllText(config)) : new string[0];
            int width = graph.Width(Logits);
            if (labels.Count == width)
            {
                return new TextClassifier(graph, labels);
            }
            graph.Dispose();
            throw new InvalidDataException(
                $"Expected {width} labels under id2label in {config}, found {labels.Count}: "
                + $"write it with `{Command}`.");
        }

        /// <summary>Gives the likeliest label of a text.</summary>
        /// <param name="text">Any text; one without a known token gets what is likeliest of any text.</param>
        /// <exception cref="ArgumentException">The text is null or holds a lone surrogate.</exception>
        /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
        public Classification Classify(string text) => Rank(text)[0];

        /// <summary>Gives the likeliest label of each text, in batches that run side by side.</summary>
        /// <param name="texts">Any number of texts.</param>
        /// <param name="cancellationToken">Stops as soon as the batches under way have ended.</param>
        /// <returns>A label for each text, in the same order.</returns>
        /// <exception cref="ArgumentException">A text is null or holds a lone surrogate.</exception>
        /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
        /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
        public Classification[] Classify(
            IReadOnlyList<string> texts, CancellationToken cancellationToken = default)
        {
            string[] all = CodePointsGraph.CheckTexts(texts, cancellationToken);
            return RankAll(all, cancellationToken).Select(ranked => ranked[0]).ToArray();
        }

        /// <summary>Gives all labels of a text, the likeliest first.</summary>
        /// <param name="text">Any text.</param>
        /// <exception cref="ArgumentException">The text is null or holds a lone surrogate.</exception>
        /// <exception cref="ObjectDisposedException">The classifier is disposed.</exception>
        public Classification[] Rank(string text)
        {
            CodePointsGraph.CheckText(text, nameof(text), nameof(text));
            return RankAll(new[] { text }, CancellationToken.None).Single();
        }

        /// <summary>Frees the classifier's memory, once the calls under way have finished.</summary>
        public void Dispose() => _graph.Dispose();

        private IEnumerable<Classification[]> RankAll(string[] texts, CancellationToken cancellationToken)
        {
            float[][][] rows = _graph.Run(texts, cancellationToken, Logits, Probabilities);
            // By logits: probabilities near 1 may be equal. The sort keeps the order of equal ones.
            return rows[0].Zip(rows[1], (logits, probabilities) => Enumerable.Range(0, Labels.Count)
                .OrderByDescending(column => logits[column])
                .Select(column => new Classification(Labels[column], probabilities[column]))
                .ToArray());
        }

        private static IReadOnlyList<string> ReadLabels(string json) =>
            LabelTable.Match(json).Groups[1].Captures.Cast<Capture>()
                .Select(label => JsonEscape.Replace(label.Value, Unescape))
                .ToArray();

        private static string Unescape(Match escape)
        {
            if (escape.Groups[1].Success)
            {
                return ((char)int.Parse(escape.Groups[1].Value, NumberStyles.HexNumber)).ToString();
            }
            char letter = escape.Groups[2].Value[0];
            int place = "bfnrt".IndexOf(letter);
            return (place < 0 ? letter : "\b\f\n\r\t"[place]).ToString();
        }
    }
}
