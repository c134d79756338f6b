//! Against the folder of a classifier, which the environment variable `M2V_ONNX_CLASSIFIER` names.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::{env, fs};

use m2v_onnx::{Error, StaticModel, TextClassifier};
use serde_json::Value;

const BOUND: f64 = 1e-5;

static CLASSIFIER: LazyLock<TextClassifier> =
    LazyLock::new(|| TextClassifier::load(folder("M2V_ONNX_CLASSIFIER")).unwrap());
static GOLDENS: LazyLock<Value> = LazyLock::new(|| {
    let content = fs::read(folder("M2V_ONNX_CLASSIFIER").join("goldens.json")).unwrap();
    serde_json::from_slice(&content).unwrap()
});

fn folder(variable: &str) -> PathBuf {
    env::var_os(variable)
        .unwrap_or_else(|| panic!("set {variable} to a folder that holds the graph text"))
        .into()
}

fn strings(name: &str) -> Vec<String> {
    serde_json::from_value(GOLDENS[name].clone()).unwrap()
}

fn rows(name: &str) -> Vec<Vec<f64>> {
    serde_json::from_value(GOLDENS[name].clone()).unwrap()
}

#[test]
fn gives_the_labels_of_the_goldens_and_their_probabilities() {
    let found = CLASSIFIER.classify_all(&strings("texts")).unwrap();
    let labels: Vec<&str> = found.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels, strings("labels"));
    for (one, logits) in found.iter().zip(rows("logits")) {
        let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
        assert!((f64::from(one.probability) - 1.0 / sum).abs() <= BOUND);
    }
}

#[test]
fn gives_the_same_for_one_text_as_for_many() {
    for (text, label) in strings("texts").iter().zip(strings("labels")) {
        assert_eq!(CLASSIFIER.classify(text).unwrap().label, label);
    }
}

#[test]
fn ranks_all_labels() {
    let ranked = CLASSIFIER
        .rank("Striker scores twice in the cup final")
        .unwrap();
    assert_eq!(ranked[0].label, "sport");
    assert!(ranked.is_sorted_by(|a, b| a.probability >= b.probability));
    let sum: f32 = ranked.iter().map(|one| one.probability).sum();
    assert!((sum - 1.0).abs() < 1e-5);
    let mut labels: Vec<String> = ranked.into_iter().map(|one| one.label).collect();
    labels.sort();
    let mut all = CLASSIFIER.labels().to_vec();
    all.sort();
    assert_eq!(labels, all);
}

#[test]
fn the_model_gives_the_vectors_that_labels_are_made_from() {
    let model = StaticModel::load(folder("M2V_ONNX_CLASSIFIER")).unwrap();
    let found = model.encode(&strings("texts")).unwrap();
    for (found, expected) in found.iter().zip(rows("vectors")) {
        let mut pairs = found.iter().zip(&expected);
        assert!(pairs.all(|(a, b)| (f64::from(*a) - b).abs() <= BOUND));
    }
}

#[test]
fn gives_nothing_for_nothing() {
    let none: [&str; 0] = [];
    assert!(CLASSIFIER.classify_all(&none).unwrap().is_empty());
}

#[test]
fn a_model_that_gives_vectors_is_no_classifier() {
    let error = TextClassifier::load(folder("M2V_ONNX_MODEL")).unwrap_err();
    assert!(matches!(error, Error::NoClassifier { .. }));
    let message = error.to_string();
    assert!(message.contains("`sentence_embedding`"), "{message}");
    assert!(message.contains("0 labels"), "{message}");
}
