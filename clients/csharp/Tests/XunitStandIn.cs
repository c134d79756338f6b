using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Threading.Tasks;

// Runs the tests where xunit cannot be had: check.sh compiles it in place of the package; Tests.csproj leaves it out.
namespace Xunit
{
    [AttributeUsage(AttributeTargets.Method)]
    internal sealed class FactAttribute : Attribute
    {
    }

    [AttributeUsage(AttributeTargets.Class)]
    internal sealed class CollectionAttribute : Attribute
    {
        public CollectionAttribute(string name)
        {
            Name = name;
        }

        public string Name { get; }
    }

    internal static class Assert
    {
        public static void Contains(string expected, string actual) =>
            Check(actual.Contains(expected), $"expected {expected} in {actual}");

        public static void Empty<T>(IReadOnlyCollection<T> actual) => Equal(0, actual.Count);

        public static void Equal<T>(T expected, T actual) =>
            Check(Equals(expected, actual), $"expected {expected}, found {actual}");

        public static void Equal<T>(T[] expected, T[] actual) =>
            Equal(string.Join(", ", expected), string.Join(", ", actual));

        public static void InRange<T>(T actual, T low, T high)
            where T : IComparable =>
            Check(
                actual.CompareTo(low) >= 0 && actual.CompareTo(high) <= 0,
                $"expected {low} to {high}, found {actual}");

        public static void Null(object actual) => Check(actual == null, $"expected null, found {actual}");

        public static void Same(object expected, object actual) =>
            Check(ReferenceEquals(expected, actual), $"expected the same {expected}, found {actual}");

        public static void StartsWith(string expected, string actual) =>
            Check(actual.StartsWith(expected, StringComparison.Ordinal), $"expected {expected}… found {actual}");

        public static T Throws<T>(Func<object> action)
            where T : Exception => Throws<T>(() => { action(); });

        public static T Throws<T>(Action action)
            where T : Exception
        {
            Exception found = null;
            try
            {
                action();
            }
            catch (Exception e)
            {
                found = e;
            }
            Check(found?.GetType() == typeof(T), $"expected a {typeof(T)}, found {found}");
            return (T)found;
        }

        public static async Task<T> ThrowsAnyAsync<T>(Func<Task> action)
            where T : Exception
        {
            Exception found = null;
            try
            {
                await action();
            }
            catch (Exception e)
            {
                found = e;
            }
            Check(found is T, $"expected a {typeof(T)}, found {found}");
            return (T)found;
        }

        private static void Check(bool holds, string message)
        {
            if (!holds)
            {
                throw new InvalidOperationException(message);
            }
        }
    }

    internal static class Runner
    {
        private static int Main()
        {
            List<MethodInfo> facts = typeof(Runner).Assembly.GetTypes()
                .SelectMany(type => type.GetMethods())
                .Where(method => method.IsDefined(typeof(FactAttribute))).ToList();
            int failed = facts.Count(fact => !Passes(fact));
            Console.WriteLine($"{facts.Count - failed} passed, {failed} failed");
            return failed == 0 && facts.Count > 0 ? 0 : 1;
        }

        private static bool Passes(MethodInfo fact)
        {
            try
            {
                object tests = Activator.CreateInstance(fact.DeclaringType);
                (fact.Invoke(tests, null) as Task)?.GetAwaiter().GetResult();
                return true;
            }
            catch (Exception e)
            {
                Console.WriteLine($"{fact.Name}: {e.InnerException ?? e}");
                return false;
            }
        }
    }
}
