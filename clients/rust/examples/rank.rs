//! Ranks documents for a query: `rank MODEL_FOLDER [QUERY]`.

use std::env;
use std::error::Error;

use m2v_onnx::StaticModel;

const DOCUMENTS: [&str; 6] = [
    "The bank raised its interest rates.",
    "A cat sleeps on the warm roof.",
    "Borrowing money has become more expensive.",
    "Travelling by yourself is risky.",
    "Rain is expected in the north tomorrow.",
    "The kitten chased a ball of wool.",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().ok_or("usage: rank MODEL_FOLDER [QUERY]")?;
    let query = arguments
        .next()
        .unwrap_or_else(|| "mortgages cost more".into());

    let model = StaticModel::load(folder)?;
    let query_vector = model.encode(&[query])?.remove(0);
    let mut ranked: Vec<(f64, &str)> = model
        .encode(&DOCUMENTS)?
        .iter()
        .map(|vector| cosine(&query_vector, vector))
        .zip(DOCUMENTS)
        .collect();
    ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    for (similarity, document) in ranked {
        println!("{similarity:5.2}  {document}");
    }
    Ok(())
}

/// 0 where one of the texts has no known token.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter()
            .zip(b)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum::<f64>()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f64::MIN_POSITIVE)
}
