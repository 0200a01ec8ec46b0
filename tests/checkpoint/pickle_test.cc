// The restricted pickle reader, opcode by opcode.
#include <gtest/gtest.h>

#include "checkpoint/builders.h"
#include "checkpoint/pickle_reader.h"
#include "checkpoint/tensor_walk.h"
#include "kandinsky/error.h"

namespace kandinsky::pickle {
namespace {

using namespace std::literals;
using namespace kandinsky::testing;

// Texts of the pickle point into `bytes`.
struct Read {
  explicit Read(std::string text) : bytes(std::move(text)) {
    pickle = read_pickle(std::as_bytes(std::span(bytes)), "p");
  }
  const Value& root() const { return pickle.root; }
  const std::vector<Value>& items() const { return pickle.items(pickle.root); }

  std::string bytes;
  Pickle pickle;
};

std::string error_of(const std::string& text) {
  try {
    read_pickle(std::as_bytes(std::span(text)), "p");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Pickle, Integers) {
  const auto integer = [](const std::string& text) {
    const Read read(text);
    EXPECT_EQ(read.root().kind, Kind::integer) << text;
    return read.root().integer;
  };
  EXPECT_EQ(integer("I-12\n."), -12);
  EXPECT_EQ(integer("L123L\n."), 123);
  EXPECT_EQ(integer("J\xfe\xff\xff\xff."), -2);
  EXPECT_EQ(integer("K\xff."), 255);
  EXPECT_EQ(integer("M\x01\x02."), 513);
  EXPECT_EQ(integer("\x8a\x00."s), 0);
  EXPECT_EQ(integer("\x8a\x01\xff."), -1);
  EXPECT_EQ(integer("\x8a\x02\xff\x00."s), 255);
  EXPECT_EQ(integer("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."s), INT64_MIN);
  EXPECT_EQ(integer("\x8b\x02\x00\x00\x00\x00\x01."s), 256);
  EXPECT_EQ(Read("L99999999999999999999L\n.").root().kind, Kind::big_integer);
  EXPECT_EQ(Read("\x8a\x09"s + std::string(9, 1) + ".").root().kind, Kind::big_integer);
}

TEST(Pickle, OtherPlainValues) {
  EXPECT_EQ(Read("N.").root().kind, Kind::none);
  EXPECT_EQ(Read("I01\n.").root().kind, Kind::boolean);
  EXPECT_EQ(Read("I01\n.").root().integer, 1);
  EXPECT_EQ(Read("\x89.").root().integer, 0);
  EXPECT_EQ(Read("F-1.5e3\n.").root().real, -1500.0);
  EXPECT_EQ(Read("G\xbf\xf8\x00\x00\x00\x00\x00\x00."s).root().real, -1.5);
  EXPECT_EQ(Read("C\x02"
                 "ab.")
                .root()
                .kind,
            Kind::bytes);
  EXPECT_EQ(Read("\x96\x01\x00\x00\x00\x00\x00\x00\x00z."s).root().view(), "z");
}

TEST(Pickle, Texts) {
  EXPECT_EQ(Read("U\x03"
                 "abc.")
                .root()
                .view(),
            "abc");
  EXPECT_EQ(Read("T\x01\x00\x00\x00z."s).root().view(), "z");
  EXPECT_EQ(Read("\x8c\x02"
                 "hi.")
                .root()
                .view(),
            "hi");
  EXPECT_EQ(Read("\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi."s).root().view(), "hi");
  EXPECT_EQ(Read("S'it\\'s \\x41\\n'\n.").root().view(), "it's A\n");
  EXPECT_EQ(Read("S\"\"\n.").root().view(), "");
  EXPECT_EQ(Read("V\\u043a\xe9\\U0001f600\n.").root().view(), "к\xc3\xa9\xf0\x9f\x98\x80");
}

TEST(Pickle, Containers) {
  EXPECT_EQ(Read("(K\x01K\x02t.").items().size(), 2u);
  EXPECT_EQ(Read("K\x01K\x02K\x03\x87.").items().size(), 3u);
  EXPECT_EQ(Read("(K\x01l.").items().size(), 1u);
  EXPECT_EQ(Read("](K\x01K\x02"
                 "eK\x03"
                 "a.")
                .items()
                .size(),
            3u);
  EXPECT_EQ(Read("(K\x01K\x02"
                 "d.")
                .items()
                .size(),
            2u);
  EXPECT_EQ(Read("}K\x01K\x02s(K\x03K\x04u.").items().size(), 4u);
  EXPECT_EQ(Read("ccollections\nOrderedDict\n)R.").root().kind, Kind::dict);
  EXPECT_EQ(Read("ccollections\nOrderedDict\n](]K\x01"
                 "aK\x02"
                 "ae\x85R.")
                .items()
                .size(),
            2u);
  EXPECT_EQ(Read("ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R.").root().kind, Kind::dict);
  EXPECT_EQ(Read("ctorch\nSize\nK\x02K\x03\x86\x85R.").root().kind, Kind::tuple);
}

TEST(Pickle, StackAndMemo) {
  EXPECT_EQ(Read("K\x01K\x02"
                 "0.")
                .root()
                .integer,
            1);
  EXPECT_EQ(Read("K\x01(K\x02K\x03"
                 "1.")
                .root()
                .integer,
            1);
  EXPECT_EQ(Read("K\x01(0.").root().integer, 1);
  EXPECT_EQ(Read("K\x01"
                 "2\x86.")
                .items()
                .size(),
            2u);
  EXPECT_EQ(Read("K\x07p12\nK\x08g12\n.").root().integer, 7);
  EXPECT_EQ(Read("K\x07q\x05K\x08h\x05.").root().integer, 7);
  EXPECT_EQ(Read("K\x07r\x00\x00\x00\xf0K\x08j\x00\x00\x00\xf0."s).root().integer, 7);
  EXPECT_EQ(Read("K\x07\x94K\x08\x94h\x00.h\x01."s).root().integer, 7);
  EXPECT_EQ(Read("K\x07q\x01q\x00K\x08q\x01h\x01."s).root().integer, 8);
}

TEST(Pickle, UnknownObjectsAreSkipped) {
  // \x65 and \x66 are e and f, which would belong to the escape before them.
  for (const char* text :
       {"cposix\nsystem\nX\x02\0\0\0ls\x85R.", "(cposix\nsystem\nU\x02lso.", "(U\x02lsiposix\nsystem\n.",
        "cm\nC\n)\x81.", "cm\nC\n)}\x92.", "cm\nC\n)\x81}b.", "cm\nC\n)\x81(K\x01\x65.", "cm\nC\n)\x81(K\x01K\x02u.",
        "\x8f(K\x01\x90.", "(K\x01\x91.", "cm\nf\n)R)R.", "\x8c\x01m\x8c\x01\x66\x93)R."}) {
    // X above has zero bytes: the literal ends there, so it is written out.
    if (text[0] == 'c' && text[1] == 'p') {
      EXPECT_EQ(Read("cposix\nsystem\nU\x02ls\x85R.").root().kind, Kind::opaque);
      continue;
    }
    EXPECT_EQ(Read(text).root().kind, Kind::opaque) << text;
  }
}

TEST(Pickle, RefusesNonsense) {
  EXPECT_EQ(error_of(""), "p: the pickle ends too early: 1 bytes expected at byte 0, 0 found");
  EXPECT_EQ(error_of("0."), "p: damaged pickle: a value is taken from an empty stack");
  EXPECT_EQ(error_of("K\x01(."), "p: damaged pickle: a value is taken from an empty stack");
  EXPECT_EQ(error_of("t."), "p: damaged pickle: a mark is missing");
  EXPECT_EQ(error_of("K\x01(K\x02\x86."), "p: damaged pickle: a tuple takes more values than there are");
  EXPECT_EQ(error_of("h\x03."), "p: damaged pickle: memo entry 3 was never made");
  EXPECT_EQ(error_of("\x80\x06."), "p: damaged pickle: protocol 6, at most 5 expected");
  EXPECT_EQ(error_of("\xee"), "p: damaged pickle: opcode 0xee at byte 0 is not allowed");
  EXPECT_EQ(error_of("\x82\x01."), "p: damaged pickle: opcode 0x82 at byte 0 is not allowed");
  EXPECT_EQ(error_of("\x97."), "p: damaged pickle: opcode 0x97 at byte 0 is not allowed");
  EXPECT_EQ(error_of("I1x\n."), "p: damaged pickle: a line that is no integer");
  EXPECT_EQ(error_of("Fabc\n."), "p: damaged pickle: a line that is no number");
  EXPECT_EQ(error_of("S'abc\n."), "p: damaged pickle: a text with a wrong escape");
  EXPECT_EQ(error_of("V\\u12\n."), "p: damaged pickle: a text with a wrong escape");
  EXPECT_EQ(error_of("Pabc\n."), "p: damaged pickle: a persistent id that is no tuple");
  EXPECT_EQ(error_of("}(K\x01u."), "p: damaged pickle: a dictionary key without a value");
  EXPECT_EQ(error_of("](K\x01K\x02u."), "p: damaged pickle: items are set in something that is no dictionary");
  EXPECT_EQ(error_of("}K\x01"
                     "a."),
            "p: damaged pickle: items are appended to something that is no list");
  EXPECT_EQ(error_of("K\x01)R."), "p: damaged pickle: a call of something that is no function");
  EXPECT_EQ(error_of("cm\nf\nK\x01R."), "p: damaged pickle: a call without a tuple of arguments");
  EXPECT_EQ(error_of("K\x01)\x81."), "p: damaged pickle: an object of something that is no class");
  EXPECT_EQ(error_of("(o."), "p: damaged pickle: an object without a class");
  EXPECT_EQ(error_of("K\x01K\x02\x93."), "p: damaged pickle: a class or function whose name is no text");
  EXPECT_EQ(error_of("cmodule"), "p: the pickle ends in the middle of a line");
}

std::vector<std::string> names(const std::string& object) {
  const Read read("\x80\x02" + object + ".");
  std::vector<std::string> names;
  for (const NamedTensor& tensor : find_tensors(read.pickle, "p")) names.push_back(tensor.name);
  return names;
}

const std::string tensor = pickled_tensor(pickled_storage("FloatStorage", "0", 4), 0, {4}, {1});
using Names = std::vector<std::string>;

TEST(PickledTensors, AreNamedByTheirPath) {
  EXPECT_EQ(names(tensor), Names{""});
  EXPECT_EQ(names("](" + tensor + "(" + tensor + "N" + tensor + "te"), (Names{"0", "1/0", "1/2"}));
  EXPECT_EQ(names(pickled_dict({{"", tensor}, {"b", pickled_dict({{"", tensor}, {"c/d", tensor}})}})),
            (Names{"", "b/", "b/c/d"}));
  EXPECT_EQ(names("}(K\x05" + tensor + "\x88" + tensor + "N" + tensor + "u"), (Names{"5", "True", "None"}));
}

TEST(PickledTensors, UnderOtherKeysAreLeftOut) {
  EXPECT_EQ(names("}(cm\nC\n)\x81" + tensor + ")" + tensor + "G\x3f\xf0\0\0\0\0\0\0"s + tensor + "u"), Names{});
  EXPECT_EQ(names("cm\nC\n)\x81}(U\x01w" + tensor + "ub"), Names{});
}

TEST(PickledTensors, OfALaterKeyReplaceTheEarlier) {
  const Read read("\x80\x02" + pickled_dict({{"w", tensor}, {"v", tensor}, {"w", tensor}}) + ".");
  const auto found = find_tensors(read.pickle, "p");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].name, "v");
  EXPECT_EQ(found[1].name, "w");
  EXPECT_EQ(found[1].tensor, 2u);
}

TEST(PickledTensors, CyclesEnd) {
  EXPECT_EQ(names("}q\x00(U\x04selfh\x00U\x01w"s + tensor + "u"), Names{"w"});
  EXPECT_EQ(names("]q\x00(h\x00"s + tensor +
                  "h\x00"
                  "e"s),
            Names{"1"});
}

TEST(PickledTensors, AreRebuiltInEveryWay) {
  const std::string storage = pickled_storage("FloatStorage", "0", 4);
  const std::string v1 = "ctorch._utils\n_rebuild_tensor\n(" + storage + "K\x01K\x02\x85K\x01\x85tR";
  const std::string untyped = "(" + pickled_text("storage") + "ctorch.storage\nUntypedStorage\n" + pickled_text("0") +
                              pickled_text("cpu") + "K\x10tQ";
  const std::string v3 =
      "ctorch._utils\n_rebuild_tensor_v3\n(" + untyped + "K\x01K\x02\x85K\x01\x85\x89}ctorch\nfloat8_e4m3fn\ntR";
  const std::string parameter = "ctorch._utils\n_rebuild_parameter\n" + tensor + "\x88}\x87R";
  const std::string with_state = "ctorch._utils\n_rebuild_parameter_with_state\n(" + tensor + "\x88}}tR";
  const std::string derived = "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\ncm\nC\n(" +
                              storage + "K\x01K\x02\x85K\x01\x85\x89}t}tR";
  for (const std::string& object : {v1, v3, parameter, with_state, derived}) {
    const Read read("\x80\x02" + object + ".");
    ASSERT_EQ(read.root().kind, Kind::tensor) << object;
    const Tensor& rebuilt = read.pickle.tensors.at(read.root().index);
    EXPECT_EQ(rebuilt.dtype, object == v3 ? DType::float8_e4m3fn : DType::float32);
    EXPECT_EQ(rebuilt.shape.size(), 1u);
  }
}

TEST(PickledTensors, RefusesDamagedOnes) {
  const std::string storage = pickled_storage("FloatStorage", "0", 4);
  const std::string v2 = "ctorch._utils\n_rebuild_tensor_v2\n";
  EXPECT_EQ(error_of(v2 + ")R."), "p: damaged pickle: a tensor is made of 0 arguments, 6 expected");
  EXPECT_EQ(error_of(v2 + "(K\x01K\x01))\x89}tR."), "p: damaged pickle: a tensor without a storage");
  EXPECT_EQ(error_of(v2 + "(" + storage + "N))\x89}tR."), "p: damaged pickle: the offset of a tensor is no integer");
  EXPECT_EQ(error_of(v2 + "(" + storage + "K\x01N)\x89}tR."), "p: damaged pickle: the sizes of a tensor are no tuple");
  EXPECT_EQ(error_of(v2 + "(" + storage + "K\x01)N\x85\x89}tR."),
            "p: damaged pickle: the strides of a tensor are no integers");
  EXPECT_EQ(error_of(pickled_storage("StrangeStorage", "0", 4) + "."), "");
  EXPECT_EQ(error_of(pickled_tensor(pickled_storage("StrangeStorage", "0", 4), 0, {4}, {1}) + "."),
            "p: damaged pickle: a tensor over a storage of unknown type");
  EXPECT_EQ(error_of(pickled_storage("FloatStorage", "0", -1) + "."), "p: damaged pickle: a storage of -1 elements");
  EXPECT_EQ(error_of(pickled_storage("FloatStorage", std::string(257, '0'), 1) + "."),
            "p: damaged pickle: a storage key that is too long");
  EXPECT_EQ(error_of("(" + pickled_text("file") + "tQ."),
            "p: damaged pickle: a persistent id of kind 'file', expected 'storage'");
}

}  // namespace
}  // namespace kandinsky::pickle
