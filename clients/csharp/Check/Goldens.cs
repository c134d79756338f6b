using System;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace M2vOnnx.Checks
{
    /// <summary>Texts, and the vectors that the Python side gave for them; of a classifier logits and labels, too.</summary>
    internal sealed class Goldens
    {
        /// <summary>The largest difference between clients, per component.</summary>
        public const double Bound = 1e-5;

        private Goldens(JsonElement root)
        {
            Texts = ReadStrings(root.GetProperty("texts"));
            Vectors = ReadRows(root.GetProperty("vectors"));
            Labels = root.TryGetProperty("labels", out JsonElement labels) ? ReadStrings(labels) : null;
            Logits = root.TryGetProperty("logits", out JsonElement logits) ? ReadRows(logits) : null;
        }

        public string[] Texts { get; }

        public float[][] Vectors { get; }

        /// <summary>A classifier's label of each text; null for a model that gives vectors.</summary>
        public string[] Labels { get; }

        /// <summary>A classifier's logits; null for a model that gives vectors.</summary>
        public float[][] Logits { get; }

        public static Goldens Read(string path)
        {
            using (JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path)))
            {
                return new Goldens(document.RootElement);
            }
        }

        public double LargestDifference(float[][] found) => LargestDifference(Vectors, found);

        /// <summary>The largest difference of two components; NaN where one is NaN.</summary>
        public static double LargestDifference(float[][] expected, float[][] found)
        {
            if (!found.Select(vector => vector.Length).SequenceEqual(expected.Select(vector => vector.Length)))
            {
                throw new InvalidDataException(
                    $"Expected {expected.Length} vectors of {expected[0].Length} components, found others.");
            }
            return expected.SelectMany(vector => vector)
                .Zip(found.SelectMany(vector => vector), (x, y) => Math.Abs((double)x - y))
                .Aggregate(0.0, Math.Max);
        }

        private static string[] ReadStrings(JsonElement list) =>
            list.EnumerateArray().Select(text => text.GetString()).ToArray();

        private static float[][] ReadRows(JsonElement list) =>
            list.EnumerateArray().Select(row => row.EnumerateArray().Select(n => n.GetSingle()).ToArray()).ToArray();
    }
}
