// Mugi's array of H rows and W columns (paper section 4, Fig. 10) with its edges: input FIFOs and
// value generation above the columns, selection of the sliding window, the tree that places it.
//
// A window is 8 cycles. `begin_window` stands in the cycle before its count 0; windows may follow one
// another without a gap. With it comes what holds for the window; beforehand come
//   GEMM: the step's inputs and weights, two cycles before count 0 or earlier;
//   nonlinear operations: the inputs, 3 cycles before count 0 (4 from 128 rows on) and not earlier,
//   and from the cycle before count 0 on a row of the LUT a cycle, for both sweeps of an activation.
// The last window of a nonlinear operation is followed by one without inputs, in which its last
// results leave. From 128 rows on, registers delay what comes to each 64 rows by one cycle more.
// An eighth of the rows is one word of oSRAM: `pop` takes one output of each row of an eighth.
module mugi_array #(
    parameter H = 8,
    parameter W = 8,
    parameter LUT = 12,
    parameter OUTPUT_DEPTH = 8
) (
    input              clk,
    input              reset,
    // the next window
    input              begin_window,
    input              nonlinear,
    input              exponential,
    input              negative_lut,
    input              first,
    input              last,
    input [2:0]        last_column,
    // GEMM
    input              push_inputs,
    input [16*W-1:0]   inputs,
    input              push_weights,
    input [5*H-1:0]    weights,      // used, sign, magnitude of each row
    // nonlinear operations
    input              load_inputs,
    input [H-1:0]      used,
    input [H-1:0]      valid,        // False: does not place the sliding window
    input [16*H-1:0]   codes,
    input              push_lut_row,
    input [16*LUT-1:0] lut_row,      // values of one mantissa, lowest exponent first
    input [7:0]        lut_low,      // biased, the LUT's lowest exponent
    // outputs
    input [7:0]        pop,
    output [16*H-1:0]  outputs,
    output [16*H-1:0]  sums_of_exponentials,
    output             fault,        // a FIFO ran over or empty
    // for observation
    output [H-1:0]     takes,
    output [3*H-1:0]   takes_column,
    output [16*H-1:0]  sums,
    output [H-1:0]     selects_current,
    output [H-1:0]     selects_previous
);
    localparam BROADCAST_REGISTERS = H < 128 ? 0 : H / 64;
    localparam STAGES = H < 128 ? 1 : H / 64; // rows that the columns reach in the same cycle

    // place of the sliding window
    wire [8*H-1:0]      exponents;
    wire [8*STAGES-1:0] stage_maxima;
    wire [7:0]          tree_root, window_low;
    wire [4:0]          slide;
    reg [7:0]           maximum;
    maximum_tree #(.N(STAGES)) top_of_tree (.exponents(stage_maxima), .maximum(tree_root));
    always @(posedge clk) maximum <= tree_root;
    window_placement #(.W(W), .LUT(LUT)) window_placement (
        .maximum(maximum), .lut_low(lut_low), .slide(slide), .window_low(window_low)
    );
    wire [16*W-1:0] lut_values;
    window_selection #(.W(W), .LUT(LUT)) window_selection (
        .lut_row(lut_row), .slide(slide), .values(lut_values)
    );

    // columns: each one cycle behind the one before
    wire [16*W-1:0] columns;
    wire [W:0]      begins, begins_nonlinear, lut_comes;
    wire [W-1:0]    input_faults;
    assign begins[0] = begin_window;
    assign begins_nonlinear[0] = nonlinear;
    assign lut_comes[0] = push_lut_row;
    genvar i, j, s;
    generate
        for (j = 0; j < W; j = j + 1) begin : column
            reg         begin_next, nonlinear_next, lut_next;
            wire [15:0] head;
            wire        overflow, underflow;
            assign begins[j+1] = begin_next;
            assign begins_nonlinear[j+1] = nonlinear_next;
            assign lut_comes[j+1] = lut_next;
            assign input_faults[j] = overflow | underflow;
            always @(posedge clk) begin
                begin_next <= begins[j] & ~reset;
                nonlinear_next <= begins_nonlinear[j];
                lut_next <= lut_comes[j] & ~reset;
            end
            fifo #(.WIDTH(16), .DEPTH(8)) input_fifo (
                .clk(clk), .reset(reset),
                .push(push_inputs | push_lut_row),
                .value(push_lut_row ? lut_values[16*j +: 16] : inputs[16*j +: 16]),
                .pop(begins[j] & ~begins_nonlinear[j] | lut_comes[j+1]),
                .head(head), .empty(), .overflow(overflow), .underflow(underflow)
            );
            value_generation value_generation (
                .clk(clk), .begin_window(begins[j]), .nonlinear(begins_nonlinear[j]),
                .head(head), .column(columns[16*j +: 16])
            );
        end

        // what all rows share, behind the broadcast registers
        for (s = 0; s < STAGES; s = s + 1) begin : stage
            localparam FIRST = 64 * s;
            localparam ROWS = s == STAGES - 1 ? H - FIRST : 64;
            wire [16*W+8:0] shared;
            wire [7:0]      stage_maximum;
            if (BROADCAST_REGISTERS == 0) begin : direct
                assign shared = {columns, begin_window, nonlinear, exponential, negative_lut, first,
                                 last, last_column};
                assign stage_maxima[8*s +: 8] = stage_maximum;
            end else begin : registered
                reg [16*W+8:0] broadcast;
                reg [7:0]      stage_maximum_register;
                assign shared = broadcast;
                assign stage_maxima[8*s +: 8] = stage_maximum_register;
                always @(posedge clk) stage_maximum_register <= stage_maximum;
                if (s == 0) begin : head
                    always @(posedge clk)
                        broadcast <= {columns, begin_window & ~reset, nonlinear, exponential,
                                      negative_lut, first, last, last_column};
                end else begin : follower
                    always @(posedge clk) broadcast <= stage[s-1].shared;
                end
            end
            wire       begin_here = shared[8];
            wire       nonlinear_here = shared[7];
            wire       exponential_here = shared[6];
            wire       negative_lut_here = shared[5];
            wire       running, window_ends;
            wire [2:0] count;
            wire [W-1:0] columns_current, columns_previous;
            wire       nonlinear_current, nonlinear_previous, exponential_previous;
            wire       first_current, first_previous, last_current, last_previous;
            wire [2:0] last_column_current, last_column_previous;

            maximum_tree #(.N(ROWS)) maximum_tree (
                .exponents(exponents[8*FIRST +: 8*ROWS]), .maximum(stage_maximum)
            );
            window_control #(.W(W)) window_control (
                .clk(clk), .reset(reset), .begin_window(begin_here),
                .nonlinear(nonlinear_here), .exponential(exponential_here),
                .first(shared[4]), .last(shared[3]), .last_column(shared[2:0]),
                .running(running), .window_ends(window_ends), .count(count),
                .columns_current(columns_current), .columns_previous(columns_previous),
                .nonlinear_current(nonlinear_current), .nonlinear_previous(nonlinear_previous),
                .exponential_current(), .exponential_previous(exponential_previous),
                .first_current(first_current), .first_previous(first_previous),
                .last_current(last_current), .last_previous(last_previous),
                .last_column_current(last_column_current),
                .last_column_previous(last_column_previous)
            );
        end

        wire [H-1:0] faults;
        for (i = 0; i < H; i = i + 1) begin : rows
            localparam S = i / 64 < STAGES ? i / 64 : STAGES - 1;
            row #(.W(W), .LUT(LUT), .OUTPUT_DEPTH(OUTPUT_DEPTH)) row (
                .clk(clk), .reset(reset),
                .begin_window(stage[S].begin_here), .nonlinear(stage[S].nonlinear_here),
                .exponential(stage[S].exponential_here),
                .negative_lut(stage[S].negative_lut_here),
                .running(stage[S].running), .window_ends(stage[S].window_ends),
                .count(stage[S].count),
                .columns_current(stage[S].columns_current),
                .columns_previous(stage[S].columns_previous),
                .nonlinear_current(stage[S].nonlinear_current),
                .nonlinear_previous(stage[S].nonlinear_previous),
                .exponential_previous(stage[S].exponential_previous),
                .first_current(stage[S].first_current), .first_previous(stage[S].first_previous),
                .last_current(stage[S].last_current), .last_previous(stage[S].last_previous),
                .last_column_current(stage[S].last_column_current),
                .last_column_previous(stage[S].last_column_previous),
                .columns(stage[S].shared[9 +: 16*W]),
                .push_weight(push_weights), .weight(weights[5*i +: 5]),
                .load_input(load_inputs), .used(used[i]), .valid(valid[i]),
                .code(codes[16*i +: 16]), .window_low(window_low), .lut_low(lut_low),
                .competing_exponent(exponents[8*i +: 8]),
                .pop(pop[i / (H / 8)]), .output_head(outputs[16*i +: 16]),
                .sum_of_exponentials(sums_of_exponentials[16*i +: 16]), .fault(faults[i]),
                .takes(takes[i]), .takes_column(takes_column[3*i +: 3]), .sum(sums[16*i +: 16]),
                .selects_current(selects_current[i]), .selects_previous(selects_previous[i])
            );
        end
    endgenerate

    assign fault = |faults | |input_faults;
endmodule
