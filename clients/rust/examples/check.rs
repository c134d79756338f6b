//! Compares a model with vectors that its Python side wrote, and times it.
//!
//! `check MODEL_FOLDER VECTORS_JSON [--repeat TEXTS]` prints one line of JSON. With `--repeat`, it
//! encodes that many texts, the file's again and again, and fails when the process grows. The exit
//! code is 1 when a number differs by more than 1e-5.

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, fs};

use m2v_onnx::StaticModel;
use serde_json::{Value, json};

const BOUND: f32 = 1e-5;
const TIMED: Duration = Duration::from_secs(3);
const ALLOWED_GROWTH_KIB: u64 = 16 * 1024;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (folder, vectors_path, n_repeated) = match arguments[..] {
        [folder, vectors] => (folder, vectors, 0),
        [folder, vectors, "--repeat", texts] => (folder, vectors, texts.parse()?),
        _ => return Err("usage: check MODEL_FOLDER VECTORS_JSON [--repeat TEXTS]".into()),
    };
    let content: Value = serde_json::from_slice(&fs::read(vectors_path)?)?;
    let texts: Vec<String> = serde_json::from_value(content["texts"].clone())?;
    let expected: Vec<Vec<f32>> = serde_json::from_value(content["vectors"].clone())?;
    let model = StaticModel::load(folder)?;

    let difference = largest_difference(&model.encode(&texts)?, &expected);
    let line = json!({
        "client": "rust",
        "texts": texts.len(),
        "largest_difference": difference,
        "texts_per_second": texts_per_second(&model, &texts)?.round(),
    });
    check_growth(&model, &texts, n_repeated)?;
    println!("{line}");
    Ok(if difference <= BOUND {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Infinite where the shapes differ, or a number is none.
fn largest_difference(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    if !found.iter().map(Vec::len).eq(expected.iter().map(Vec::len)) {
        return f32::INFINITY;
    }
    let differences = found
        .iter()
        .flatten()
        .zip(expected.iter().flatten())
        .map(|(a, b)| (a - b).abs());
    differences.fold(0.0, |largest, difference| {
        if difference <= largest {
            largest
        } else {
            difference
        }
    })
}

fn texts_per_second(model: &StaticModel, texts: &[String]) -> Result<f64, Box<dyn Error>> {
    let n_texts = u32::try_from(texts.len())?;
    let start = Instant::now();
    let mut n_encoded = 0;
    while start.elapsed() < TIMED {
        model.encode(texts)?;
        n_encoded += n_texts;
    }
    Ok(f64::from(n_encoded) / start.elapsed().as_secs_f64())
}

fn check_growth(
    model: &StaticModel,
    texts: &[String],
    n_texts: usize,
) -> Result<(), Box<dyn Error>> {
    let before = resident_kib()?;
    for _ in 0..n_texts.div_ceil(texts.len().max(1)) {
        model.encode(texts)?;
    }
    let growth = resident_kib()?.saturating_sub(before);
    if growth > ALLOWED_GROWTH_KIB {
        return Err(format!(
            "{n_texts} texts left {growth} KiB behind, {ALLOWED_GROWTH_KIB} KiB are allowed"
        )
        .into());
    }
    eprintln!("{n_texts} texts left {growth} KiB behind");
    Ok(())
}

/// The process's memory, as Linux tells it.
fn resident_kib() -> Result<u64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
