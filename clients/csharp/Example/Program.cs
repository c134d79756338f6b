using System;
using System.Globalization;
using System.Linq;
using M2vOnnx;

/// <summary>Ranks documents for a query: the example of the README.</summary>
internal static class Program
{
    private static readonly string[] Documents =
    {
        "The restaurant closes at ten, but the bar stays open until midnight.",
        "Stir the onions slowly until they are golden brown.",
        "A new vaccine against malaria was approved this week.",
        "Our flight was delayed by three hours because of the storm.",
        "The central bank raised interest rates by half a percent.",
        "To reset your password, follow the link in the e-mail.",
        "The goalkeeper saved two penalties in the final.",
        "Photosynthesis turns light, water and carbon dioxide into sugar.",
    };

    private static int Main(string[] args)
    {
        if (args.Length != 2)
        {
            Console.Error.WriteLine("usage: Example MODEL QUERY");
            return 2;
        }
        using (var model = StaticModel.Load(args[0]))
        {
            float[] query = model.Encode(args[1]);
            var ranked = Documents
                .Zip(model.Encode(Documents), (text, vector) => (Text: text, Score: Cosine(query, vector)))
                .OrderByDescending(document => document.Score);
            foreach (var document in ranked)
            {
                Console.WriteLine(
                    string.Format(CultureInfo.InvariantCulture, "{0,6:F3}  {1}", document.Score, document.Text));
            }
        }
        return 0;
    }

    private static double Cosine(float[] a, float[] b)
    {
        double product = Dot(a, b);
        return product == 0 ? 0 : product / Math.Sqrt(Dot(a, a) * Dot(b, b));
    }

    private static double Dot(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();
}
