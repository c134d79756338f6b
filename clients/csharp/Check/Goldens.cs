using System;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace M2vOnnx.Checks
{
    /// <summary>Texts, and the vectors that the Python side gave for them.</summary>
    internal sealed class Goldens
    {
        /// <summary>The largest difference between clients, per component.</summary>
        public const double Bound = 1e-5;

        private Goldens(string[] texts, float[][] vectors)
        {
            Texts = texts;
            Vectors = vectors;
        }

        public string[] Texts { get; }

        public float[][] Vectors { get; }

        public static Goldens Read(string path)
        {
            using (JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path)))
            {
                JsonElement root = document.RootElement;
                return new Goldens(
                    root.GetProperty("texts").EnumerateArray().Select(text => text.GetString()).ToArray(),
                    root.GetProperty("vectors").EnumerateArray().Select(ReadVector).ToArray());
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

        private static float[] ReadVector(JsonElement vector) =>
            vector.EnumerateArray().Select(component => component.GetSingle()).ToArray();
    }
}
