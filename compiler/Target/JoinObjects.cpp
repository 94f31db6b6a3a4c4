//===-- JoinObjects.cpp - object files to one -----------------------------===//
// Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
/// \file
/// Sections of the same name are put one behind the other; relocations and
/// symbols move with them, and there is one table of symbols.
//===----------------------------------------------------------------------===//

#include "compiler/Target/JoinObjects.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Twine.h"
#include "llvm/MC/StringTableBuilder.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/MathExtras.h"

using namespace recur;
using ELF = llvm::object::ELF64LE;
using Section = ELF::Shdr;
using Symbol = ELF::Sym;
namespace elf = llvm::ELF;

namespace {
struct OutputSymbol {
  Symbol symbol;
  llvm::StringRef name;
  bool isDefined() const { return symbol.st_shndx != elf::SHN_UNDEF; }
};

/// A section of the result.
struct OutputSection {
  Section header = {};
  llvm::StringRef name;
  std::vector<uint8_t> bytes;
  std::vector<std::pair<ELF::Rela, OutputSymbol *>> relocations;
};

/// Where a section of an object went.
struct Place {
  unsigned section = 0;
  uint64_t offset = 0;
};

class Joiner {
public:
  llvm::Error read(llvm::StringRef object);
  llvm::Expected<llvm::SmallVector<char, 0>> write();

private:
  llvm::Error readSections();
  llvm::Error readSymbols();
  llvm::Error readRelocations();
  unsigned findSection(const Section &header, llvm::StringRef name);

  std::vector<OutputSection> sections = {OutputSection()};
  std::vector<std::unique_ptr<OutputSymbol>> symbols;
  llvm::StringMap<OutputSymbol *> globals;
  ELF::Ehdr header = {};

  // Of the object that is being read.
  const llvm::object::ELFFile<ELF> *file = nullptr;
  llvm::ArrayRef<Section> headers;
  std::vector<Place> places;           // by section
  std::vector<OutputSymbol *> entries; // by symbol
  llvm::DenseMap<OutputSymbol *, uint64_t> sectionOffsets;
};
} // namespace

/// The section of the result that `header` goes to.
unsigned Joiner::findSection(const Section &header, llvm::StringRef name) {
  for (auto [i, section] : llvm::enumerate(sections))
    if (section.name == name && section.header.sh_type == header.sh_type &&
        section.header.sh_flags == header.sh_flags &&
        section.header.sh_entsize == header.sh_entsize)
      return i;
  OutputSection &section = sections.emplace_back();
  section.header = header;
  section.name = name;
  return sections.size() - 1;
}

llvm::Error Joiner::readSections() {
  places.assign(headers.size(), Place());
  for (auto [i, header] : llvm::enumerate(headers)) {
    switch (header.sh_type) {
    case elf::SHT_NULL:
    case elf::SHT_SYMTAB:
    case elf::SHT_STRTAB:
    case elf::SHT_LLVM_ADDRSIG:
    case elf::SHT_RELA:
      continue;
    case elf::SHT_PROGBITS:
    case elf::SHT_X86_64_UNWIND:
      break;
    default:
      return llvm::createStringError(
          "an object to join has a section of type " +
          llvm::Twine(unsigned(header.sh_type)) + ", which is not expected");
    }
    auto name = file->getSectionName(header);
    if (!name)
      return name.takeError();
    auto bytes = file->getSectionContents(header);
    if (!bytes)
      return bytes.takeError();
    unsigned number = findSection(header, *name);
    OutputSection &section = sections[number];
    uint64_t alignment = std::max<uint64_t>(1, header.sh_addralign);
    section.header.sh_addralign =
        std::max<uint64_t>(section.header.sh_addralign, alignment);
    section.bytes.resize(llvm::alignTo(section.bytes.size(), alignment));
    places[i] = {number, section.bytes.size()};
    section.bytes.insert(section.bytes.end(), bytes->begin(), bytes->end());
  }
  return llvm::Error::success();
}

llvm::Error Joiner::readSymbols() {
  const auto *table = llvm::find_if(headers, [](const Section &section) {
    return section.sh_type == elf::SHT_SYMTAB;
  });
  if (table == headers.end())
    return llvm::createStringError("an object to join has no symbols");
  auto list = file->symbols(table);
  if (!list)
    return list.takeError();
  auto names = file->getStringTableForSymtab(*table);
  if (!names)
    return names.takeError();
  entries.clear();
  sectionOffsets.clear();
  for (const Symbol &symbol : *list) {
    auto name = symbol.getName(*names);
    if (!name)
      return name.takeError();
    OutputSymbol copy = {symbol, *name};
    if (copy.isDefined() && symbol.st_shndx < elf::SHN_LORESERVE) {
      const Place &place = places.at(symbol.st_shndx);
      copy.symbol.st_shndx = place.section;
      if (symbol.getType() != elf::STT_SECTION)
        copy.symbol.st_value = symbol.st_value + place.offset;
    }
    OutputSymbol *known = nullptr;
    if (symbol.getBinding() != elf::STB_LOCAL)
      known = globals.lookup(*name);
    if (known && known->isDefined() && copy.isDefined())
      return llvm::createStringError("objects to join both define '" + *name +
                                     "'");
    if (known && copy.isDefined())
      *known = copy;
    if (!known) {
      known = symbols.emplace_back(new OutputSymbol(copy)).get();
      if (symbol.getBinding() != elf::STB_LOCAL)
        globals[*name] = known;
    }
    if (symbol.getType() == elf::STT_SECTION)
      sectionOffsets[known] = places.at(symbol.st_shndx).offset;
    entries.push_back(known);
  }
  return llvm::Error::success();
}

llvm::Error Joiner::readRelocations() {
  for (const Section &header : headers) {
    if (header.sh_type != elf::SHT_RELA)
      continue;
    auto relocations = file->relas(header);
    if (!relocations)
      return relocations.takeError();
    const Place &place = places.at(header.sh_info);
    for (ELF::Rela relocation : *relocations) {
      OutputSymbol *symbol = entries.at(relocation.getSymbol(false));
      relocation.r_offset += place.offset;
      // A section's symbol is its beginning, which is further away now.
      if (symbol->symbol.getType() == elf::STT_SECTION)
        relocation.r_addend += sectionOffsets.lookup(symbol);
      sections[place.section].relocations.push_back({relocation, symbol});
    }
  }
  return llvm::Error::success();
}

llvm::Error Joiner::read(llvm::StringRef object) {
  auto read = llvm::object::ELFFile<ELF>::create(object);
  if (!read)
    return read.takeError();
  if (read->getHeader().e_type != elf::ET_REL)
    return llvm::createStringError("an object to join is not relocatable");
  file = &*read;
  header = file->getHeader();
  auto list = file->sections();
  if (!list)
    return list.takeError();
  headers = *list;
  if (llvm::Error error = readSections())
    return error;
  if (llvm::Error error = readSymbols())
    return error;
  return readRelocations();
}

llvm::Expected<llvm::SmallVector<char, 0>> Joiner::write() {
  for (auto &symbol : symbols)
    if (symbol->isDefined() &&
        symbol->symbol.getVisibility() == elf::STV_HIDDEN) {
      symbol->symbol.setBinding(elf::STB_LOCAL);
      symbol->symbol.setVisibility(elf::STV_DEFAULT);
    }
  // Locals come first. The first symbol of each object is its null symbol.
  llvm::StringTableBuilder names(llvm::StringTableBuilder::ELF);
  std::vector<OutputSymbol *> ordered(1, symbols.front().get());
  unsigned firstGlobal = 0;
  llvm::DenseMap<OutputSymbol *, unsigned> numbers;
  for (bool wantLocal : {true, false}) {
    for (auto &symbol : symbols) {
      bool isLocal = symbol->symbol.getBinding() == elf::STB_LOCAL;
      if (isLocal != wantLocal || (isLocal && !symbol->isDefined()))
        continue;
      numbers[symbol.get()] = ordered.size();
      ordered.push_back(symbol.get());
      names.add(symbol->name);
    }
    if (wantLocal)
      firstGlobal = ordered.size();
  }
  unsigned numContents = sections.size();
  unsigned numRelocated = llvm::count_if(sections, [](const auto &section) {
    return !section.relocations.empty();
  });
  unsigned symbolsNumber = numContents + numRelocated;
  unsigned namesNumber = symbolsNumber + 1;
  auto append = [](OutputSection &to, const auto *from, size_t count) {
    const auto *begin = reinterpret_cast<const uint8_t *>(from);
    to.bytes.assign(begin, begin + count * sizeof(*from));
  };
  std::vector<std::string> relocationNames;
  relocationNames.reserve(numRelocated);
  for (unsigned i = 0; i < numContents; ++i) {
    if (sections[i].relocations.empty())
      continue;
    std::vector<ELF::Rela> table;
    for (auto &[relocation, symbol] : sections[i].relocations) {
      table.push_back(relocation);
      table.back().setSymbol(numbers.lookup(symbol), false);
    }
    OutputSection made;
    made.name =
        relocationNames.emplace_back((".rela" + sections[i].name).str());
    made.header.sh_type = elf::SHT_RELA;
    made.header.sh_flags = elf::SHF_INFO_LINK;
    made.header.sh_link = symbolsNumber;
    made.header.sh_info = i;
    made.header.sh_entsize = sizeof(ELF::Rela);
    made.header.sh_addralign = 8;
    append(made, table.data(), table.size());
    sections.push_back(std::move(made));
  }
  for (OutputSection &section : sections)
    names.add(section.name);
  names.add(".symtab");
  names.add(".strtab");
  names.finalize();

  std::vector<Symbol> table;
  for (OutputSymbol *symbol : ordered) {
    table.push_back(symbol->symbol);
    table.back().st_name = names.getOffset(symbol->name);
  }
  OutputSection &symbolTable = sections.emplace_back();
  symbolTable.name = ".symtab";
  symbolTable.header.sh_type = elf::SHT_SYMTAB;
  symbolTable.header.sh_link = namesNumber;
  symbolTable.header.sh_info = firstGlobal;
  symbolTable.header.sh_entsize = sizeof(Symbol);
  symbolTable.header.sh_addralign = 8;
  append(symbolTable, table.data(), table.size());
  OutputSection &nameTable = sections.emplace_back();
  nameTable.name = ".strtab";
  nameTable.header.sh_type = elf::SHT_STRTAB;
  nameTable.header.sh_addralign = 1;
  nameTable.bytes.resize(names.getSize());
  names.write(nameTable.bytes.data());

  llvm::SmallVector<char, 0> bytes(sizeof(ELF::Ehdr), 0);
  for (OutputSection &section : llvm::drop_begin(sections)) {
    Section &to = section.header;
    bytes.resize(llvm::alignTo(bytes.size(), uint64_t(to.sh_addralign)));
    to.sh_offset = bytes.size();
    to.sh_size = section.bytes.size();
    to.sh_name = names.getOffset(section.name);
    bytes.append(section.bytes.begin(), section.bytes.end());
  }
  bytes.resize(llvm::alignTo(bytes.size(), 8));
  header.e_shoff = bytes.size();
  header.e_shnum = sections.size();
  header.e_shstrndx = namesNumber;
  for (const OutputSection &section : sections) {
    const char *from = reinterpret_cast<const char *>(&section.header);
    bytes.append(from, from + sizeof(Section));
  }
  memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

llvm::Expected<llvm::SmallVector<char, 0>>
recur::joinObjects(llvm::ArrayRef<llvm::StringRef> objects) {
  Joiner joiner;
  for (llvm::StringRef object : objects)
    if (llvm::Error error = joiner.read(object))
      return std::move(error);
  return joiner.write();
}
