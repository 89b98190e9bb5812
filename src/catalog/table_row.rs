//! Rows of database tables as structs. The lists of columns in SQL, the reader of rows and the OpenAPI schemas come
//! from the fields of the struct.

use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::{Deserialize, Serialize, Serializer, forward_to_deserialize_any};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, Schema, SchemaType, Type};

/// JSON object in a database column of type `jsonb`. The schema doesn't fix its keys.
pub(crate) type JsonObject = Map<String, Value>;

/// Row of a database table that clients read and write over the API: a struct with one field for each column, which has
/// the column's name.
pub(crate) trait TableRow: Serialize + DeserializeOwned + ToSchema + Send + Unpin + 'static {
    /// Name of the database table.
    const TABLE: &'static str;
    /// Columns that a client reads but does not write. A write may have them, so that what was read can be sent back.
    const READ_ONLY: &'static [&'static str];
    /// SQL expressions of columns that are not null, for a write that leaves the column out or sends `null`.
    const DEFAULTS: &'static [(&'static str, &'static str)];

    /// Returns all columns of the table in the order of the struct's fields.
    #[must_use]
    fn columns() -> &'static [&'static str] {
        field_names::<Self>()
    }

    /// Returns the columns that a client writes, in the order of the struct's fields.
    fn writable() -> impl Iterator<Item = &'static str> {
        Self::columns().iter().copied().filter(|name| !Self::READ_ONLY.contains(name))
    }

    /// Returns the values of this row's writable columns by column name.
    #[must_use]
    fn writable_values(&self) -> JsonObject {
        let mut values = self.values();
        values.retain(|name, _| !Self::READ_ONLY.contains(&name.as_str()));
        values
    }

    /// Returns the values of all columns of this row by column name, with references to secrets.
    #[must_use]
    fn values(&self) -> JsonObject {
        self.public_values()
    }

    /// Returns the values of all columns of this row by column name, as clients may read them.
    #[must_use]
    fn public_values(&self) -> JsonObject {
        match serde_json::to_value(self) {
            Ok(Value::Object(values)) => values,
            _ => JsonObject::new(),
        }
    }
}

/// Makes the schema of a request body that writes a row: the row's schema, in which the read-only columns and `ignored`
/// take any value, and every column that is not in `required` may be `null`.
#[must_use]
pub(crate) fn write_schema<R: TableRow>(
    description: &str,
    required: &[&str],
    ignored: &[&str],
    example: Value,
) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = R::schema() else { return R::schema() };
    object.description = Some(description.to_owned());
    object.required = required.iter().map(|name| (*name).to_owned()).collect();
    object.example = Some(example);
    for name in R::READ_ONLY.iter().chain(ignored) {
        let mut any = Object::with_type(SchemaType::AnyValue);
        any.description = Some("Accepted and ignored, so that what was read can be sent back".to_owned());
        object.properties.insert((*name).to_owned(), RefOr::T(Schema::Object(any)));
    }
    for (name, property) in &mut object.properties {
        if let RefOr::T(Schema::Object(property)) = property
            && !required.contains(&name.as_str())
        {
            let nullable = match &property.schema_type {
                SchemaType::Type(one) => SchemaType::Array(vec![one.clone(), Type::Null]),
                other => other.clone(),
            };
            property.schema_type = nullable;
        }
    }
    RefOr::T(Schema::Object(object))
}

/// Serializes a number without a fraction as an integer, as PostgreSQL does in JSON.
///
/// # Errors
/// Fails as the serializer fails.
pub(super) fn json_number<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    /// Bound below which every integer is exact in an `f64`.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    match number {
        None => serializer.serialize_none(),
        Some(number) if number.fract() == 0.0 && number.abs() < MAX_EXACT => serializer.serialize_i64(*number as i64),
        Some(number) => serializer.serialize_f64(*number),
    }
}

/// Deserializes a column that is present: `null` becomes `Some(None)`. The field of a column that is absent stays
/// `None`.
///
/// # Errors
/// Fails as the deserializer fails.
pub(super) fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// Returns the names of a struct's fields in their order, as serde reads them.
#[must_use]
pub(crate) fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // The deserializer only notes the names, then ends with an error.
    let _ = T::deserialize(FieldNames(&mut names));
    names
}

struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        Err(Self::Error::custom("only the names of the fields were asked for"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_written_as_an_integer_and_another_with_its_fraction() {
        #[derive(Serialize)]
        struct Row(#[serde(serialize_with = "json_number")] Option<f64>);
        let text = |number| serde_json::to_string(&Row(number)).unwrap();
        let cases =
            [(Some(25.0), "25"), (Some(-23.0), "-23"), (Some(29.97), "29.97"), (Some(0.0), "0"), (None, "null")];
        for (number, expected) in cases {
            assert_eq!(text(number), expected);
        }
        assert_eq!(text(Some(9_007_199_254_740_992.0)), "9007199254740992.0");
    }
}
