//! Writes a document straight into its canonical bytes (RFC 8785), without a tree of values between.
//!
//! An object's members are written as they come and put in order when it is complete: by their names' UTF-16 code
//! units (§3.2.3). Of members with one name the last counts. Numbers are integers below 2^53.

use std::fmt::Display;

use serde::ser::{self, Serialize};

use super::name::MemberName;
use super::{CanonicalError, INTEGER_END};

/// The canonical bytes of a document.
pub(super) fn write<T: Serialize + ?Sized>(document: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut writer = Writer { out: Vec::with_capacity(1024) };
    match document.serialize(&mut writer) {
        Ok(()) => Ok(writer.out),
        Err(fault) => Err(fault.into_error()),
    }
}

struct Writer {
    out: Vec<u8>,
}

/// What is wrong, and where: the steps from the inside out.
#[derive(Debug)]
pub(super) struct Fault {
    what: What,
    steps: Vec<String>,
}

#[derive(Debug)]
pub(super) enum What {
    TooLarge(String),
    NotAnInteger(String),
    NotWritable(String),
}

impl Fault {
    pub(super) fn new(what: What) -> Self {
        Self { what, steps: Vec::new() }
    }

    pub(super) fn not_writable(reason: impl Into<String>) -> Self {
        Self::new(What::NotWritable(reason.into()))
    }

    fn below(mut self, step: String) -> Self {
        self.steps.push(step);
        self
    }

    fn into_error(self) -> CanonicalError {
        let mut path = String::new();
        for step in self.steps.iter().rev() {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        match self.what {
            What::TooLarge(found) => CanonicalError::IntegerTooLarge { path, found },
            What::NotAnInteger(found) => CanonicalError::NotAnInteger { path, found },
            What::NotWritable(reason) => CanonicalError::NotWritable { reason },
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Fault {}

impl ser::Error for Fault {
    fn custom<T: Display>(reason: T) -> Self {
        Self::not_writable(reason.to_string())
    }
}

impl Writer {
    fn integer(&mut self, magnitude: u64, negative: bool) -> Result<(), Fault> {
        let sign = if negative { "-" } else { "" };
        if magnitude >= INTEGER_END {
            return Err(Fault::new(What::TooLarge(format!("{sign}{magnitude}"))));
        }
        self.out.extend_from_slice(sign.as_bytes());
        // At most 16 digits, the last one first.
        let (mut digits, mut rest, mut used) = ([0_u8; 20], magnitude, 0);
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            used += 1;
            if rest == 0 {
                break;
            }
        }
        self.out.extend(digits.iter().skip(20 - used));
        Ok(())
    }

    fn float(&mut self, number: f64) -> Result<(), Fault> {
        if number.is_finite() {
            return Err(Fault::new(What::NotAnInteger(format!("{number:?}"))));
        }
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    /// §3.2.2.2: the shortest escapes, everything else as it is.
    fn text(&mut self, text: &str) {
        self.out.push(b'"');
        let mut plain = 0;
        for (at, byte) in text.bytes().enumerate() {
            let short = match byte {
                b'"' | b'\\' => byte,
                0x08 => b'b',
                0x09 => b't',
                0x0a => b'n',
                0x0c => b'f',
                0x0d => b'r',
                0x00..=0x1f => 0,
                _ => continue,
            };
            self.out.extend_from_slice(text.as_bytes().get(plain..at).unwrap_or_default());
            if short == 0 {
                self.out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
            } else {
                self.out.extend_from_slice(&[b'\\', short]);
            }
            plain = at + 1;
        }
        self.out.extend_from_slice(text.as_bytes().get(plain..).unwrap_or_default());
        self.out.push(b'"');
    }

    fn object(&mut self) -> Object<'_> {
        let begin = self.out.len();
        Object { writer: self, begin, members: Vec::with_capacity(8), name: None, close: false }
    }

    /// `{"variant":…}`, of which the caller writes the rest.
    fn open_variant(&mut self, variant: &str) {
        self.out.push(b'{');
        self.text(variant);
        self.out.push(b':');
    }
}

/// An array under way.
struct Array<'a> {
    writer: &'a mut Writer,
    items: usize,
    /// It stands in an object of its own, as the value of a variant.
    close: bool,
}

impl Array<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Fault> {
        self.writer.out.push(if self.items == 0 { b'[' } else { b',' });
        let at = self.items;
        self.items += 1;
        item.serialize(&mut *self.writer).map_err(|fault| fault.below(format!("[{at}]")))
    }

    fn finish(self) -> Result<(), Fault> {
        let end: &[u8] = match (self.items, self.close) {
            (0, false) => b"[]",
            (0, true) => b"[]}",
            (_, false) => b"]",
            (_, true) => b"]}",
        };
        self.writer.out.extend_from_slice(end);
        Ok(())
    }
}

/// An object under way: `"name":value` after each other from `begin` on, without anything between.
struct Object<'a> {
    writer: &'a mut Writer,
    begin: usize,
    /// Each member's name, and where it ends.
    members: Vec<(Name, usize)>,
    name: Option<String>,
    close: bool,
}

enum Name {
    Static(&'static str),
    Owned(String),
}

impl Name {
    fn text(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Owned(text) => text,
        }
    }
}

impl Object<'_> {
    fn member<T: Serialize + ?Sized>(&mut self, name: Name, value: &T) -> Result<(), Fault> {
        self.writer.text(name.text());
        self.writer.out.push(b':');
        if let Err(fault) = value.serialize(&mut *self.writer) {
            return Err(fault.below(name.text().to_owned()));
        }
        let end = self.writer.out.len();
        self.members.push((name, end));
        Ok(())
    }

    fn finish(self) -> Result<(), Fault> {
        let Self { writer, begin, members, close, .. } = self;
        let written = writer.out.split_off(begin);
        let mut start = 0;
        let mut parts = Vec::with_capacity(members.len());
        for (name, end) in &members {
            let end = end - begin;
            parts.push((name.text(), written.get(start..end).unwrap_or_default()));
            start = end;
        }
        // Stable, so that of equal names the last one stays last.
        parts.sort_by(|(a, _), (b, _)| utf16_order(a, b));
        writer.out.push(b'{');
        let mut parts = parts.into_iter().peekable();
        let mut first = true;
        while let Some((name, part)) = parts.next() {
            if parts.peek().is_some_and(|(next, _)| *next == name) {
                continue;
            }
            if !std::mem::take(&mut first) {
                writer.out.push(b',');
            }
            writer.out.extend_from_slice(part);
        }
        writer.out.extend_from_slice(if close { b"}}" } else { b"}" });
        Ok(())
    }
}

/// Bytes and UTF-16 code units sort alike but for what lies beyond the basic plane.
fn utf16_order(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Array<'a>;
    type SerializeTuple = Array<'a>;
    type SerializeTupleStruct = Array<'a>;
    type SerializeTupleVariant = Array<'a>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Object<'a>;

    fn serialize_bool(self, value: bool) -> Result<(), Fault> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Fault> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Fault> {
        self.integer(value.unsigned_abs(), value < 0)
    }

    fn serialize_i128(self, value: i128) -> Result<(), Fault> {
        match u64::try_from(value.unsigned_abs()) {
            Ok(magnitude) => self.integer(magnitude, value < 0),
            Err(_) => Err(Fault::new(What::TooLarge(value.to_string()))),
        }
    }

    fn serialize_u8(self, value: u8) -> Result<(), Fault> {
        self.integer(value.into(), false)
    }

    fn serialize_u16(self, value: u16) -> Result<(), Fault> {
        self.integer(value.into(), false)
    }

    fn serialize_u32(self, value: u32) -> Result<(), Fault> {
        self.integer(value.into(), false)
    }

    fn serialize_u64(self, value: u64) -> Result<(), Fault> {
        self.integer(value, false)
    }

    fn serialize_u128(self, value: u128) -> Result<(), Fault> {
        match u64::try_from(value) {
            Ok(magnitude) => self.integer(magnitude, false),
            Err(_) => Err(Fault::new(What::TooLarge(value.to_string()))),
        }
    }

    fn serialize_f32(self, value: f32) -> Result<(), Fault> {
        self.float(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Fault> {
        self.float(value)
    }

    fn serialize_char(self, value: char) -> Result<(), Fault> {
        self.text(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Fault> {
        self.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<(), Fault> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Fault> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Fault> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.open_variant(variant);
        value.serialize(&mut *self).map_err(|fault| fault.below(variant.to_owned()))?;
        self.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Array<'a>, Fault> {
        Ok(Array { writer: self, items: 0, close: false })
    }

    fn serialize_tuple(self, length: usize) -> Result<Array<'a>, Fault> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Array<'a>, Fault> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Array<'a>, Fault> {
        self.open_variant(variant);
        Ok(Array { writer: self, items: 0, close: true })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a>, Fault> {
        Ok(self.object())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object<'a>, Fault> {
        Ok(self.object())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'a>, Fault> {
        self.open_variant(variant);
        Ok(Object { close: true, ..self.object() })
    }
}

/// The one way to write a sequence, under each of the names that serde has for it.
macro_rules! items {
    ($($trait:ident::$item:ident),*) => { $(
        impl ser::$trait for Array<'_> {
            type Ok = ();
            type Error = Fault;

            fn $item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
                self.item(value)
            }

            fn end(self) -> Result<(), Fault> {
                self.finish()
            }
        }
    )* };
}

items!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.name = Some(key.serialize(MemberName)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        let name = self.name.take().ok_or_else(|| Fault::not_writable("a value came without its name"))?;
        self.member(Name::Owned(name), value)
    }

    fn end(self) -> Result<(), Fault> {
        self.finish()
    }
}

/// The same of members whose names are known.
macro_rules! members {
    ($($trait:ident),*) => { $(
        impl ser::$trait for Object<'_> {
            type Ok = ();
            type Error = Fault;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Fault> {
                self.member(Name::Static(name), value)
            }

            fn end(self) -> Result<(), Fault> {
                self.finish()
            }
        }
    )* };
}

members!(SerializeStruct, SerializeStructVariant);
