//! Names of an object's members, where a map's keys become them.

use serde::ser::{self, Impossible, Serialize};

use super::writer::Fault;

/// A key of a map as a member's name: text, or what has one spelling as text.
pub(super) struct MemberName;

const NOT_A_NAME: &str = "key must be a string";

fn not_a_name<T>() -> Result<T, Fault> {
    Err(Fault::not_writable(NOT_A_NAME))
}

impl ser::Serializer for MemberName {
    type Ok = String;
    type Error = Fault;
    type SerializeSeq = Impossible<String, Fault>;
    type SerializeTuple = Impossible<String, Fault>;
    type SerializeTupleStruct = Impossible<String, Fault>;
    type SerializeTupleVariant = Impossible<String, Fault>;
    type SerializeMap = Impossible<String, Fault>;
    type SerializeStruct = Impossible<String, Fault>;
    type SerializeStructVariant = Impossible<String, Fault>;

    fn serialize_bool(self, value: bool) -> Result<String, Fault> {
        Ok(value.to_string())
    }

    fn serialize_i8(self, value: i8) -> Result<String, Fault> {
        Ok(value.to_string())
    }

    fn serialize_i16(self, value: i16) -> Result<String, Fault> {
        Ok(value.to_string())
    }

    fn serialize_i32(self, value: i32) -> Result<String, Fault> {
        Ok(value.to_string())
    }

    fn serialize_i64(self, value: i64) -> Result<String, Fault> {
        Ok(value.to_string())
    }

    fn serialize_u8(self, value: u8) -> Result<String, Fault> {
        Ok(value.to_string())
    }

    fn serialize_u16(self, value: u16) -> Result<String, Fault> {
        Ok(value.to_string())
    }

    fn serialize_u32(self, value: u32) -> Result<String, Fault> {
        Ok(value.to_string())
    }

    fn serialize_u64(self, value: u64) -> Result<String, Fault> {
        Ok(value.to_string())
    }

    fn serialize_f32(self, _: f32) -> Result<String, Fault> {
        not_a_name()
    }

    fn serialize_f64(self, _: f64) -> Result<String, Fault> {
        not_a_name()
    }

    fn serialize_char(self, value: char) -> Result<String, Fault> {
        Ok(value.to_string())
    }

    fn serialize_str(self, value: &str) -> Result<String, Fault> {
        Ok(value.to_owned())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<String, Fault> {
        not_a_name()
    }

    fn serialize_none(self) -> Result<String, Fault> {
        not_a_name()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<String, Fault> {
        not_a_name()
    }

    fn serialize_unit(self) -> Result<String, Fault> {
        not_a_name()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<String, Fault> {
        not_a_name()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<String, Fault> {
        Ok(variant.to_owned())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<String, Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<String, Fault> {
        not_a_name()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Fault> {
        not_a_name()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Fault> {
        not_a_name()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Fault> {
        not_a_name()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Fault> {
        not_a_name()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Fault> {
        not_a_name()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Fault> {
        not_a_name()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Fault> {
        not_a_name()
    }
}
