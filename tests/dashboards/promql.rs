//! PromQL as the tests need it: Grafana's variables put in, parsed, and what is asked of which metric.

use promql_parser::label::MatchOp;
use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};

/// What Grafana puts in for its variables.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    pub job: &'a str,
    pub instance: &'a str,
    pub interval: &'a str,
    pub range: &'a str,
}

/// For a look at the text alone.
pub const STATIC: Values<'_> = Values { job: ".+", instance: ".+", interval: "5m", range: "1h" };

impl Values<'_> {
    /// The expression as it goes to Prometheus.
    pub fn put_into(&self, expr: &str) -> String {
        let put = expr.replace("$__rate_interval", self.interval).replace("$__range", self.range);
        let put = put.replace("$job", self.job).replace("$instance", self.instance).replace("$tenant", ".+");
        assert!(!put.contains('$'), "a variable is left in {put}");
        put
    }
}

/// Parsed and checked for types, or why not.
pub fn parse(expr: &str) -> Result<Expr, String> {
    parser::parse(expr)
}

/// One selector of an expression.
#[derive(Debug, Clone)]
pub struct Selector {
    pub metric: String,
    /// Label, and the value or pattern it is held to.
    pub matchers: Vec<(String, String)>,
    /// The function right around it.
    pub function: Option<&'static str>,
}

impl Selector {
    /// A series that a recording rule makes.
    pub fn is_recorded(&self) -> bool {
        self.metric.contains(':')
    }
}

/// All selectors, and all labels that are grouped or matched by.
pub fn uses(expr: &Expr) -> (Vec<Selector>, Vec<String>) {
    let (mut selectors, mut labels) = (Vec::new(), Vec::new());
    walk(expr, None, &mut selectors, &mut labels);
    (selectors, labels)
}

fn walk(expr: &Expr, around: Option<&'static str>, selectors: &mut Vec<Selector>, labels: &mut Vec<String>) {
    match expr {
        Expr::Aggregate(aggregate) => {
            labels.extend(named(aggregate.modifier.as_ref()));
            walk(&aggregate.expr, None, selectors, labels);
            if let Some(param) = &aggregate.param {
                walk(param, None, selectors, labels);
            }
        }
        Expr::Unary(unary) => walk(&unary.expr, None, selectors, labels),
        Expr::Binary(binary) => {
            let modifier = binary.modifier.as_ref();
            labels.extend(named(modifier.and_then(|modifier| modifier.matching.as_ref())));
            walk(&binary.lhs, None, selectors, labels);
            walk(&binary.rhs, None, selectors, labels);
        }
        Expr::Paren(paren) => walk(&paren.expr, around, selectors, labels),
        Expr::Subquery(subquery) => walk(&subquery.expr, None, selectors, labels),
        Expr::VectorSelector(selector) => selectors.push(read(selector, around)),
        Expr::MatrixSelector(matrix) => selectors.push(read(&matrix.vs, around)),
        Expr::Call(call) => call.args.args.iter().for_each(|arg| walk(arg, Some(call.func.name), selectors, labels)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn named(modifier: Option<&LabelModifier>) -> Vec<String> {
    modifier.map_or_else(Vec::new, |modifier| modifier.labels().labels.clone())
}

fn read(selector: &VectorSelector, function: Option<&'static str>) -> Selector {
    let matchers = selector.matchers.matchers.iter();
    let written = |op: &MatchOp| if matches!(op, MatchOp::Re(_)) { "=~" } else { "" };
    Selector {
        metric: selector.name.clone().expect("a selector names its metric"),
        matchers: matchers.map(|m| (m.name.clone(), format!("{}{}", written(&m.op), m.value))).collect(),
        function,
    }
}

#[test]
fn a_selector_is_seen_with_its_labels_and_the_function_around_it() {
    let expr = parse(r#"sum by (le) (rate(a_bucket{job=~"x"}[5m])) / on (job) group_left b{c="d"}"#).unwrap();
    let (selectors, labels) = uses(&expr);
    let seen: Vec<_> = selectors.iter().map(|s| (s.metric.as_str(), s.function, s.matchers.len())).collect();
    assert_eq!(seen, [("a_bucket", Some("rate"), 1), ("b", None, 1)]);
    assert_eq!(selectors[0].matchers[0], ("job".to_owned(), "=~x".to_owned()));
    assert_eq!(labels, ["job", "le"]);
    for wrong in ["rate(a)", "sum by (a) b c", "a{b=~\"(\"}", "histogram_quantile(a)", "1 and 2"] {
        assert!(parse(wrong).is_err(), "{wrong} is none");
    }
}
