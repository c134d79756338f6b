using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading.Tasks;

namespace M2vOnnx.Checks
{
    /// <summary>Compares a model with a file of texts and their vectors, and prints a line of JSON.</summary>
    /// <remarks>
    /// <c>Check MODEL VECTORS [--soak]</c>: with <c>--soak</c>, 100,000 texts are encoded from eight threads first.
    /// The exit code is 1 where vectors differ, or memory grows, by more than they may.
    /// </remarks>
    internal static class Program
    {
        private const int SoakThreads = 8;
        private const int SoakTexts = 100000;
        private const long SoakBoundBytes = 64 << 20;
        private const double TimedSeconds = 3;

        private static int Main(string[] args)
        {
            bool soak = args.Length == 3 && args[2] == "--soak";
            if (args.Length != 2 && !soak)
            {
                Console.Error.WriteLine("usage: Check MODEL VECTORS [--soak]");
                return 2;
            }
            Goldens goldens = Goldens.Read(args[1]);
            using (StaticModel model = StaticModel.Load(args[0]))
            {
                double difference = goldens.LargestDifference(model.Encode(goldens.Texts));
                long grown = soak ? BytesGrown(model, goldens) : 0;
                Console.WriteLine(string.Format(
                    CultureInfo.InvariantCulture,
                    "{{\"client\": \"csharp\", \"texts\": {0}, \"largest_difference\": {1:0.00e-00}, "
                    + "\"texts_per_second\": {2:F0}{3}}}",
                    goldens.Texts.Length,
                    difference,
                    TextsPerSecond(model, goldens.Texts),
                    soak ? $", \"soak_texts\": {SoakTexts}, \"bytes_grown\": {grown}" : ""));
                return difference <= Goldens.Bound && grown <= SoakBoundBytes ? 0 : 1;
            }
        }

        private static double TextsPerSecond(StaticModel model, string[] texts)
        {
            EncodeFor(TimedSeconds, model, texts); // the compiler warms up
            return EncodeFor(TimedSeconds, model, texts);
        }

        private static double EncodeFor(double atLeastSeconds, StaticModel model, string[] texts)
        {
            Stopwatch watch = Stopwatch.StartNew();
            long encoded = 0;
            do
            {
                encoded += model.Encode(texts).Length;
            }
            while (watch.Elapsed.TotalSeconds < atLeastSeconds);
            return encoded / watch.Elapsed.TotalSeconds;
        }

        /// <summary>By how much the process grew while it encoded the texts after a warm-up of as many.</summary>
        private static long BytesGrown(StaticModel model, Goldens goldens)
        {
            EncodeFromThreads(model, goldens);
            long before = ResidentBytes();
            EncodeFromThreads(model, goldens);
            return ResidentBytes() - before;
        }

        private static void EncodeFromThreads(StaticModel model, Goldens goldens)
        {
            int timesPerThread = (SoakTexts - 1) / goldens.Texts.Length / SoakThreads + 1;
            Task.WaitAll(Enumerable.Range(0, SoakThreads).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    for (int i = 0; i < timesPerThread; i++)
                    {
                        double difference = goldens.LargestDifference(model.Encode(goldens.Texts));
                        if (difference > Goldens.Bound)
                        {
                            throw new InvalidDataException(
                                $"Expected the file's vectors from every thread, found a difference of {difference}.");
                        }
                    }
                },
                TaskCreationOptions.LongRunning)).ToArray());
        }

        private static long ResidentBytes()
        {
            GC.Collect();
            using (Process process = Process.GetCurrentProcess())
            {
                return process.WorkingSet64;
            }
        }
    }
}
