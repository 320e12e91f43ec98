//! Queries with gaps: an algorithm provider writes the SQL once, and each contract fills in columns and numbers.
//!
//! A gap stands as `{name}` in the SQL. What fills it is checked to be an identifier, a list of identifiers or a
//! number before it is put in, so that no value can change the query's form.

use std::collections::BTreeMap;

use thiserror::Error;

/// A query with gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its name in the catalog.
    pub name: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// SQL with `{parameter}` gaps.
    pub sql: &'static str,
    /// Every gap, in the order of explaining.
    pub parameters: &'static [Parameter],
    /// Why a contract drafted from it needs an auditor, if it does.
    pub audited_because: Option<&'static str>,
}

/// A gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// As it stands between braces.
    pub name: &'static str,
    /// What may fill it.
    pub kind: ParameterKind,
    /// One line for people.
    pub description: &'static str,
}

/// What may fill a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A table's name.
    Table,
    /// One column's name.
    Column,
    /// Column names, separated by commas.
    Columns,
    /// A decimal number.
    Number,
}

/// Why a template cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// No template has that name.
    #[error("unknown template `{name}`; known: {known}")]
    Unknown {
        /// Asked for.
        name: String,
        /// All names.
        known: String,
    },
    /// A gap is left open.
    #[error("template `{template}` needs `{parameter}`: {description}")]
    Missing {
        /// The template.
        template: &'static str,
        /// The gap.
        parameter: &'static str,
        /// What it is.
        description: &'static str,
    },
    /// A value for no gap.
    #[error("template `{template}` has no parameter `{parameter}`; it has {known}")]
    Surplus {
        /// The template.
        template: &'static str,
        /// The name given.
        parameter: String,
        /// All names.
        known: String,
    },
    /// A value that is not of the gap's kind.
    #[error("parameter `{parameter}` must be {expected}, found `{value}`")]
    Value {
        /// The gap.
        parameter: &'static str,
        /// In words.
        expected: &'static str,
        /// As given.
        value: String,
    },
}

const TABLE: Parameter =
    Parameter { name: "table", kind: ParameterKind::Table, description: "the table to ask" };
const BY: Parameter = Parameter {
    name: "by",
    kind: ParameterKind::Columns,
    description: "the columns to group by, separated by commas; each needs a public list of values",
};
const MEASURE: Parameter =
    Parameter { name: "measure", kind: ParameterKind::Column, description: "the number to describe" };

/// The templates that come with the product.
pub const TEMPLATES: &[Template] = &[
    Template {
        name: "group-statistics",
        title: "Count, mean and standard deviation of a measure by group",
        sql: "SELECT {by}, COUNT(*) AS rows, AVG({measure}) AS mean, STDDEV_SAMP({measure}) AS deviation \
              FROM {table} GROUP BY {by}",
        parameters: &[TABLE, BY, MEASURE],
        audited_because: None,
    },
    Template {
        name: "group-counts",
        title: "Number of rows by group",
        sql: "SELECT {by}, COUNT(*) AS rows FROM {table} GROUP BY {by}",
        parameters: &[TABLE, BY],
        audited_because: None,
    },
    Template {
        name: "group-extremes",
        title: "Least and greatest value of a measure by group, from a lower bound on",
        sql: "SELECT {by}, MIN({measure}) AS least, MAX({measure}) AS greatest \
              FROM {table} WHERE {measure} >= {least} GROUP BY {by}",
        parameters: &[
            TABLE,
            BY,
            MEASURE,
            Parameter {
                name: "least",
                kind: ParameterKind::Number,
                description: "values below it are left out",
            },
        ],
        audited_because: Some("it shows values of single rows"),
    },
];

/// The template of that name.
pub fn find(name: &str) -> Result<&'static Template, TemplateError> {
    TEMPLATES.iter().find(|template| template.name == name).ok_or_else(|| TemplateError::Unknown {
        name: name.to_owned(),
        known: list(TEMPLATES.iter().map(|template| template.name)),
    })
}

impl Template {
    /// The SQL with every gap filled.
    pub fn fill(&self, values: &BTreeMap<String, String>) -> Result<String, TemplateError> {
        let is_parameter = |name: &str| self.parameters.iter().any(|parameter| parameter.name == name);
        if let Some(surplus) = values.keys().find(|name| !is_parameter(name)) {
            let known = list(self.parameters.iter().map(|parameter| parameter.name));
            return Err(TemplateError::Surplus { template: self.name, parameter: surplus.clone(), known });
        }
        let mut sql = self.sql.to_owned();
        for parameter in self.parameters {
            let Parameter { name, description, .. } = *parameter;
            let missing = TemplateError::Missing { template: self.name, parameter: name, description };
            let value = values.get(name).ok_or(missing)?;
            // No value that passes holds a brace, so that none opens a gap of its own.
            sql = sql.replace(&format!("{{{name}}}"), &parameter.read(value)?);
        }
        Ok(sql)
    }
}

impl Parameter {
    fn read(&self, value: &str) -> Result<String, TemplateError> {
        let wrong =
            |expected| TemplateError::Value { parameter: self.name, expected, value: value.to_owned() };
        match self.kind {
            ParameterKind::Table => identifier(value).ok_or_else(|| wrong("a table's name")),
            ParameterKind::Column => identifier(value).ok_or_else(|| wrong("one column's name")),
            ParameterKind::Columns => {
                let columns: Option<Vec<String>> =
                    value.split(',').map(|part| identifier(part.trim())).collect();
                Ok(columns.ok_or_else(|| wrong("column names separated by commas"))?.join(", "))
            }
            ParameterKind::Number => {
                let digits = value.split_once('.').map_or(0, |(_, digits)| digits.len());
                let scale = u8::try_from(digits).unwrap_or(u8::MAX);
                let number = crate::parse_scaled(value, scale);
                number.map(|_| value.to_owned()).map_err(|_| wrong("a decimal number such as `12` or `-0.5`"))
            }
        }
    }
}

/// A name as a quoted identifier. Names hold letters, digits, `_`, `-`, `.` and spaces, and are not empty.
fn identifier(name: &str) -> Option<String> {
    let allowed = |character: char| character.is_alphanumeric() || "_-. ".contains(character);
    (!name.is_empty() && name.chars().all(allowed)).then(|| crate::sql::identifier(name))
}

fn list(names: impl Iterator<Item = &'static str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn fills_every_gap() {
        let given =
            values(&[("table", "people"), ("by", "rank, team"), ("measure", "salary"), ("least", "-0.5")]);
        assert_eq!(
            find("group-extremes").unwrap().fill(&given).unwrap(),
            "SELECT \"rank\", \"team\", MIN(\"salary\") AS least, MAX(\"salary\") AS greatest FROM \"people\" \
             WHERE \"salary\" >= -0.5 GROUP BY \"rank\", \"team\""
        );
    }

    #[test]
    fn no_value_changes_the_form() {
        let template = find("group-counts").unwrap();
        for value in ["rank; DROP", "rank\"", "", "{table}", "rank,,team", "COUNT(*)", "ra\nnk"] {
            let refused = template.fill(&values(&[("table", "people"), ("by", value)])).unwrap_err();
            assert!(matches!(refused, TemplateError::Value { parameter: "by", .. }), "{value}: {refused}");
        }
        let template = find("group-extremes").unwrap();
        for value in ["1 OR 1", "1e9", "", "NULL", "--1", "0x1"] {
            let given =
                values(&[("table", "people"), ("by", "rank"), ("measure", "salary"), ("least", value)]);
            let refused = template.fill(&given).unwrap_err();
            assert!(matches!(refused, TemplateError::Value { parameter: "least", .. }), "{value}: {refused}");
        }
    }

    #[test]
    fn gaps_and_values_must_match() {
        assert!(matches!(find("nothing"), Err(TemplateError::Unknown { .. })));
        let template = find("group-counts").unwrap();
        let missing = template.fill(&values(&[("table", "people")])).unwrap_err();
        assert!(matches!(missing, TemplateError::Missing { parameter: "by", .. }));
        let surplus =
            template.fill(&values(&[("table", "people"), ("by", "rank"), ("having", "1")])).unwrap_err();
        assert!(matches!(surplus, TemplateError::Surplus { parameter, .. } if parameter == "having"));
    }

    #[test]
    fn templates_use_exactly_their_parameters() {
        for template in TEMPLATES {
            let gaps = template.parameters.iter().map(|parameter| format!("{{{}}}", parameter.name));
            let bare = gaps.fold(template.sql.to_owned(), |sql, gap| {
                assert!(sql.contains(&gap), "{} lacks {gap}", template.name);
                sql.replace(&gap, "")
            });
            assert!(!bare.contains(['{', '}']), "{}: {bare}", template.name);
        }
    }
}
