//! Owns the two trees of a field map: names of objects that are looked into, on the legacy side and in the payload.

/// What a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Child {
    /// A member that a step names.
    Claim(usize),
    /// An object that is looked into.
    Node(usize),
}

/// An object that is looked into. Members no step names are its rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its key as it is written, with quotes; empty for the root.
    pub key: String,
    /// Stands before its own children; the root's is the root.
    pub parent: usize,
    /// As steps named them.
    pub order: Vec<Child>,
    /// The node of the other tree where its rest goes.
    pub peer: Option<usize>,
    /// The rest of more than one node of the other tree comes here.
    pub shared: bool,
    /// The first step that led here; none for what was made for the way back.
    pub step: Option<usize>,
    /// By name, sorted.
    index: Vec<(String, Child)>,
}

impl Node {
    fn new(key: String, parent: usize, step: Option<usize>) -> Self {
        Self { key, parent, order: Vec::new(), peer: None, shared: false, step, index: Vec::new() }
    }

    /// What stands under this name.
    #[inline]
    pub fn child(&self, name: &str) -> Option<Child> {
        match self.index.len() {
            // A few are found sooner by looking at each.
            0..=8 => self.index.iter().find(|(known, _)| known == name).map(|(_, child)| *child),
            _ => {
                let at = self.index.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
                self.index.get(at).map(|(_, child)| *child)
            }
        }
    }

    fn put(&mut self, name: &str, child: Child) {
        self.order.push(child);
        let at = self.index.partition_point(|(known, _)| known.as_str() < name);
        self.index.insert(at, (name.to_owned(), child));
    }
}

/// A tree; the root is node 0, and a node stands behind its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// All of them.
    pub nodes: Vec<Node>,
}

/// A key as it is written. Names of paths need no escapes.
pub fn key_token(name: &str) -> String {
    format!("\"{name}\"")
}

impl Tree {
    /// Only a root.
    pub fn new() -> Self {
        Self { nodes: vec![Node::new(String::new(), 0, None)] }
    }

    /// Makes sure of a node at this path.
    ///
    /// # Errors
    /// The claim that stands in the way.
    pub fn open(&mut self, path: &[String], step: Option<usize>) -> Result<usize, Child> {
        let mut at = 0;
        for name in path {
            at = match self.nodes[at].child(name) {
                Some(Child::Node(below)) => below,
                Some(claim) => return Err(claim),
                None => {
                    let new = self.nodes.len();
                    self.nodes.push(Node::new(key_token(name), at, step));
                    self.nodes[at].put(name, Child::Node(new));
                    new
                }
            };
        }
        Ok(at)
    }

    /// Puts a claim at this path, which has a name at least, and says below which node.
    ///
    /// # Errors
    /// What stands there already, or in the way.
    pub fn claim(&mut self, path: &[String], claim: usize, step: usize) -> Result<usize, Child> {
        let Some((name, above)) = path.split_last() else { return Err(Child::Node(0)) };
        let at = self.open(above, Some(step))?;
        match self.nodes[at].child(name) {
            Some(there) => Err(there),
            None => {
                self.nodes[at].put(name, Child::Claim(claim));
                Ok(at)
            }
        }
    }

    /// What stands at this path.
    pub fn find(&self, path: &[String]) -> Option<Child> {
        let mut at = 0;
        for (depth, name) in path.iter().enumerate() {
            match self.nodes[at].child(name)? {
                Child::Node(below) => at = below,
                claim => return (depth + 1 == path.len()).then_some(claim),
            }
        }
        Some(Child::Node(at))
    }

    /// The names that lead to a node.
    pub fn path(&self, mut node: usize) -> Vec<String> {
        let mut names = Vec::new();
        while node != 0 {
            names.push(self.nodes[node].key.trim_matches('"').to_owned());
            node = self.nodes[node].parent;
        }
        names.reverse();
        names
    }
}
