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

        public static double LargestDifference(float[][] expected, float[][] found)
        {
            if (found.Length != expected.Length)
            {
                throw new InvalidDataException($"Expected {expected.Length} vectors, found {found.Length}.");
            }
            return expected.Zip(found, LargestDifference).Max();
        }

        private static double LargestDifference(float[] expected, float[] found) =>
            expected.Zip(found, (x, y) => Math.Abs((double)x - y)).Max();

        private static float[] ReadVector(JsonElement vector) =>
            vector.EnumerateArray().Select(component => component.GetSingle()).ToArray();
    }
}
